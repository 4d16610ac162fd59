/* Identifiers of the SPDX licence list (spdx.org/licenses), which the Hub writes
 * in lower case and the list itself does not. */
#ifndef ITTS_SPDX_H
#define ITTS_SPDX_H

/* As the list spells it; NULL: none that is known here. */
const char *spdx_id(const char *license);

#endif
