/* The signature's slot of a bundle: the one member that changes in place. */
#ifndef ITTS_SLOT_H
#define ITTS_SLOT_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"

enum slot_state {
	SLOT_EMPTY,
	SLOT_SIGNED, /* armour, then newlines */
	SLOT_BEGUN,  /* signing was interrupted: as good as empty */
	SLOT_BROKEN,
};

enum slot_state slot_read(const char *p, size_t len);
/* Armour of at most BUNDLE_SIGNATURE_SIZE bytes into the slot that begins at
 * offset of fd. Cut at any instant, what stays is empty, begun or whole.
 * ERR_FORMAT: it is too long. */
int slot_write(int fd, uint64_t offset, const char *armour, size_t len,
	       const char *name, struct error *err) MUST_CHECK;

#endif
