/*
 * The files themselves, put in by the assembler: no generated source, and the
 * text that a user sees in the repository is the text that runs. Only there
 * are their lengths known as constants, so the table is made there as well.
 */
#include "manifest/recipes.h"

#include <string.h>

/* A text with a NUL behind it, and its row of struct recipe in the table. */
#define RECIPE(id, name)                                                 \
	".pushsection .rodata\n"                                         \
	"itts_name_" id ": .asciz \"" name "\"\n"                        \
	"itts_text_" id ": .incbin \"manifest/recipes/" name ".json\"\n" \
	"itts_end_" id ": .byte 0\n"                                     \
	".popsection\n"                                                  \
	".dc.a itts_name_" id ", itts_text_" id ", itts_end_" id         \
	" - itts_text_" id "\n"

#define TABLE_BEGIN                           \
	".pushsection .data.rel.ro, \"aw\"\n" \
	".balign 8\n"                         \
	"itts_recipes:\n"
#define TABLE_END         \
	".dc.a 0, 0, 0\n" \
	".popsection\n"

__asm__(TABLE_BEGIN RECIPE("2", "indextts-2") RECIPE("25", "indextts-2.5")
		TABLE_END);

extern const struct recipe itts_recipes[] /* the last has no name */
	__attribute__((visibility("hidden")));

const struct recipe *recipe_at(size_t i)
{
	for (const struct recipe *r = itts_recipes; r->name; r++)
		if (i-- == 0)
			return r;
	return NULL;
}

const struct recipe *recipe_find(const char *name)
{
	for (const struct recipe *r = itts_recipes; r->name; r++)
		if (strcmp(r->name, name) == 0)
			return r;
	return NULL;
}
