/*
 * A disk writes a sector of 512 bytes or does not; more may be torn. The slot
 * begins at a multiple of that, so a signature that fits into its first sector
 * (Ed25519: 300 bytes) is one write. Of a longer one the first sector comes last,
 * and meanwhile holds a text that says so.
 */
#include "bundle/slot.h"

#include "base/file.h"
#include "bundle/bmanifest.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#define SECTOR 512u

static const char sig_begin[] = "-----BEGIN SSH SIGNATURE-----\n";
static const char sig_end[] = "-----END SSH SIGNATURE-----\n";
static const char begun[] = "-----NO SIGNATURE YET-----\n";

static bool starts(const char *p, size_t len, const char *text)
{
	return len >= strlen(text) && memcmp(p, text, strlen(text)) == 0;
}

static bool is_base64(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c >= '0' && c <= '9') || c == '+' || c == '/' || c == '=' ||
	       c == '\n';
}

static bool all_newlines(const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (p[i] != '\n')
			return false;
	return true;
}

enum slot_state slot_read(const char *p, size_t len)
{
	size_t at = strlen(sig_begin);

	if (starts(p, len, begun))
		return SLOT_BEGUN;
	if (all_newlines(p, len))
		return SLOT_EMPTY;
	if (!starts(p, len, sig_begin))
		return SLOT_BROKEN;
	while (at < len && is_base64(p[at]))
		at++;
	if (!starts(p + at, len - at, sig_end))
		return SLOT_BROKEN;
	at += strlen(sig_end);
	return all_newlines(p + at, len - at) ? SLOT_SIGNED : SLOT_BROKEN;
}

static int put(int fd, const char *p, size_t n, uint64_t offset,
	       const char *name, struct error *err)
{
	if (file_pwrite_all(fd, p, n, offset, name, err))
		return -1;
	if (fdatasync(fd))
		return err_sys(err, errno, "%s", name);
	return 0;
}

int slot_write(int fd, uint64_t offset, const char *armour, size_t len,
	       const char *name, struct error *err)
{
	char now[BUNDLE_SIGNATURE_SIZE], slot[BUNDLE_SIGNATURE_SIZE];
	char first[SECTOR];
	size_t got;

	assert(offset % SECTOR == 0);
	if (len > sizeof(slot))
		return err_set(err, ERR_FORMAT,
			       "%s: the signature has %zu bytes, there is room "
			       "for %zu",
			       name, len, sizeof(slot));
	memset(slot, '\n', sizeof(slot));
	memcpy(slot, armour, len);
	assert(slot_read(slot, sizeof(slot)) == SLOT_SIGNED);
	if (file_pread_full(fd, now, sizeof(now), offset, &got, name, err))
		return -1;
	if (got != sizeof(now)) {
		err_set(err, ERR_FORMAT, "%s: ends before its signature", name);
		return err_hint(err, "the copy is not complete, make it again");
	}
	if (memcmp(now + SECTOR, slot + SECTOR, sizeof(slot) - SECTOR) == 0)
		return put(fd, slot, SECTOR, offset, name, err);
	memset(first, '\n', sizeof(first));
	memcpy(first, begun, strlen(begun));
	if (put(fd, first, SECTOR, offset, name, err) ||
	    put(fd, slot + SECTOR, sizeof(slot) - SECTOR, offset + SECTOR, name,
		err))
		return -1;
	return put(fd, slot, SECTOR, offset, name, err);
}
