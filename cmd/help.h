/* Help, made from the tables. */
#ifndef ITTS_HELP_H
#define ITTS_HELP_H

#include "base/str.h"
#include "cmd/commands.h"

size_t help_width(int fd); /* columns to fill: of the terminal, or 80 */
void help_short(struct str *out, size_t width); /* itts-pack with no command */
void help_command(struct str *out, const struct command *c, size_t width);
/* Lines "COMMAND" and "COMMAND --option" for all there is: for scripts. */
void help_all(struct str *out);
/* "exit-status", "environment". false: no such topic. */
bool help_topic(struct str *out, const char *name, size_t width);

#endif
