/* Ending a program with all that it has started. */
#ifndef ITTS_ENDTREE_H
#define ITTS_ENDTREE_H

#include <sys/types.h>

/* Asks root and its descendants to end, and ends at once those that have not done so after
 * grace ms. A descendant whose parent had ended before is no longer known as one. */
void endtree(pid_t root, unsigned grace);

#endif
