/*
 * Licence expressions (SPDX 2.3, annex D): identifiers, "+", WITH, AND, OR and
 * parentheses, of which AND binds more tightly than OR. Pure.
 */
#ifndef ITTS_LICENSE_H
#define ITTS_LICENSE_H

#include <stdbool.h>

#include "base/str.h"

#define LICENSE_DEPTH 32 /* of parentheses */

/* May it be used by whoever allows these? One operand of an OR is enough, an AND
 * needs all, an exception (WITH) or a "+" has to be allowed with its licence. What
 * is no expression is compared as a whole; upper and lower case are the same. */
bool license_allowed(const char *license, const struct strlist *allowed);
/* true: an expression of more than one identifier, of which each is known or a
 * LicenseRef; *out (emptied before) is it as the SPDX list spells it. */
bool license_expression(const char *license, struct str *out);

#endif
