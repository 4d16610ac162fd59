/* How much memory libgit2 may ask for at a time. */
#ifndef ITTS_GIT_MEMORY_H
#define ITTS_GIT_MEMORY_H

/* An object in a pack may be a few bytes that say how a larger one is made of
 * another: no more than GIT_BLOB_LIMIT and some of them are made. Once, before the
 * library asks for much. */
void git_memory_bound(void);

#endif
