/* Options that several commands share. */
#ifndef ITTS_GROUPS_H
#define ITTS_GROUPS_H

#include "cmd/options.h"

extern const struct option_group group_common;
extern const struct option_group group_selection; /* what to work on */
extern const struct option_group group_lock;	  /* --lock, --locked */
extern const struct option_group group_network;
extern const struct option_group group_claims; /* who needs what is there */

#endif
