/* The opcodes of pickle; for pickle.c. */
#ifndef ITTS_PICKLE_OPS_H
#define ITTS_PICKLE_OPS_H

#include <stdbool.h>

/* What stands behind an opcode. */
enum pickle_arg {
	ARG_BAD, /* no such opcode */
	ARG_NONE,
	ARG_1, /* bytes of a number, little-endian */
	ARG_2,
	ARG_4,
	ARG_8,
	ARG_LINE,
	ARG_TWO_LINES,
	ARG_SIZED_1, /* a length of so many bytes, then the bytes */
	ARG_SIZED_4,
	ARG_SIZED_8,
};

/* What it does. */
enum pickle_do {
	DO_NOTHING, /* PROTO */
	DO_FRAME,
	DO_STOP,
	DO_DATA, /* pushes something that is only data */
	DO_STRING,
	DO_QUOTED,  /* a string with quotes and escapes */
	DO_ESCAPED, /* a string with escapes */
	DO_LIST,
	DO_DICT,
	DO_SET,
	DO_TUPLE,
	DO_MARK,
	DO_POP,
	DO_POP_MARK,
	DO_DUP,
	DO_MARK_TUPLE, /* from the mark on */
	DO_MARK_LIST,
	DO_MARK_DICT,
	DO_MARK_SET,
	DO_TUPLE_1,
	DO_TUPLE_2,
	DO_TUPLE_3,
	DO_APPEND,
	DO_APPENDS,
	DO_SETITEM,
	DO_SETITEMS,
	DO_ADDITEMS,
	DO_GLOBAL,
	DO_STACK_GLOBAL,
	DO_INST,
	DO_OBJ,
	DO_REDUCE, /* NEWOBJ is the same */
	DO_NEWOBJ_EX,
	DO_BUILD,
	DO_EXTENSION,
	DO_PERSID,
	DO_BINPERSID,
	DO_PUT,
	DO_GET,
	DO_MEMOIZE,
	DO_BUFFER,
	DO_READONLY,
};

struct pickle_op {
	enum pickle_arg arg;
	enum pickle_do action;
};
struct pickle_op pickle_op(unsigned char code);

enum {
	MAY_CALL = 1,	  /* its calls make plain objects of its arguments */
	MAY_BUILD = 2,	  /* what it made may be given a state */
	MAY_SET = 4,	  /* ... items */
	IS_STORAGE = 8,	  /* a type of torch's storages */
	NEEDS_LATIN = 16, /* only with ("...", "latin1") */
};
/* Index in the list of functions and classes that may be used, or -1. */
int pickle_listed(const char *module, const char *name);
unsigned pickle_flags(int listed);

#endif
