/* Secrets out of texts that people will paste into an issue. */
#ifndef ITTS_REDACT_H
#define ITTS_REDACT_H

/* In place, for one text (a whole JSON document would lose its quotes): access tokens
 * (hf_..., Bearer ..., token=..., "token": "...", --token ...), passwords and keys named
 * in such ways, and user and password in URLs become '*'. */
void redact_secrets(char *text);
/* One word of a command line, in place; before: the one in front of it, "" for the first.
 * A secret is all of the word, whatever is in it. */
void redact_word(char *word, const char *before);

#endif
