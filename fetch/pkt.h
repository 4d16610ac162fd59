/* Git's pkt-lines, as they come in pieces of any size. Pure. */
#ifndef ITTS_PKT_H
#define ITTS_PKT_H

#include <stddef.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/str.h"

#define PKT_MAX 65520 /* bytes of a packet, its length's four digits included */

enum pkt_kind { PKT_DATA, PKT_FLUSH, PKT_DELIM, PKT_END };

struct pkt_reader {
	/* p is not terminated; n is 0 for all but PKT_DATA */
	int (*packet)(void *ctx, enum pkt_kind kind, const char *p, size_t n,
		      struct error *err);
	void *ctx;
	size_t have;
	char buf[PKT_MAX + 1];
};
/* ERR_FORMAT, or what packet() fails with. */
int pkt_feed(struct pkt_reader *r, const void *data, size_t n,
	     struct error *err) MUST_CHECK;
/* ERR_FORMAT if it ends within a packet. */
int pkt_finish(const struct pkt_reader *r, struct error *err) MUST_CHECK;

void pkt_put(struct str *out, const char *fmt, ...) PRINTF_LIKE(2, 3);
#define PKT_FLUSH_TEXT "0000"
#define PKT_DELIM_TEXT "0001"

/* A line of ls-refs: "<commit> <name>[ peeled:<commit>][ ...]\n". The commit is
 * that of an annotated tag itself where it is peeled. 1: it is name's; 0: other. */
int pkt_ref_is(const char *line, size_t n, const char *name, char commit[41]);

#endif
