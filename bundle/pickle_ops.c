#include "bundle/pickle_ops.h"

#include "base/attr.h"
#include "base/str.h"

#include <stddef.h>
#include <string.h>

static const struct pickle_op ops[256] = {
	/* protocol 0 */
	['('] = { ARG_NONE, DO_MARK },
	['.'] = { ARG_NONE, DO_STOP },
	['0'] = { ARG_NONE, DO_POP },
	['1'] = { ARG_NONE, DO_POP_MARK },
	['2'] = { ARG_NONE, DO_DUP },
	['F'] = { ARG_LINE, DO_DATA },
	['I'] = { ARG_LINE, DO_DATA },
	['J'] = { ARG_4, DO_DATA },
	['K'] = { ARG_1, DO_DATA },
	['L'] = { ARG_LINE, DO_DATA },
	['M'] = { ARG_2, DO_DATA },
	['N'] = { ARG_NONE, DO_DATA },
	['P'] = { ARG_LINE, DO_PERSID },
	['Q'] = { ARG_NONE, DO_BINPERSID },
	['R'] = { ARG_NONE, DO_REDUCE },
	['S'] = { ARG_LINE, DO_QUOTED },
	['T'] = { ARG_SIZED_4, DO_STRING },
	['U'] = { ARG_SIZED_1, DO_STRING },
	['V'] = { ARG_LINE, DO_ESCAPED },
	['X'] = { ARG_SIZED_4, DO_STRING },
	['a'] = { ARG_NONE, DO_APPEND },
	['b'] = { ARG_NONE, DO_BUILD },
	['c'] = { ARG_TWO_LINES, DO_GLOBAL },
	['d'] = { ARG_NONE, DO_MARK_DICT },
	['}'] = { ARG_NONE, DO_DICT },
	['e'] = { ARG_NONE, DO_APPENDS },
	['g'] = { ARG_LINE, DO_GET },
	['h'] = { ARG_1, DO_GET },
	['i'] = { ARG_TWO_LINES, DO_INST },
	['j'] = { ARG_4, DO_GET },
	['l'] = { ARG_NONE, DO_MARK_LIST },
	[']'] = { ARG_NONE, DO_LIST },
	['o'] = { ARG_NONE, DO_OBJ },
	['p'] = { ARG_LINE, DO_PUT },
	['q'] = { ARG_1, DO_PUT },
	['r'] = { ARG_4, DO_PUT },
	['s'] = { ARG_NONE, DO_SETITEM },
	['t'] = { ARG_NONE, DO_MARK_TUPLE },
	[')'] = { ARG_NONE, DO_TUPLE },
	['u'] = { ARG_NONE, DO_SETITEMS },
	['G'] = { ARG_8, DO_DATA },
	/* 2 */
	[0x80] = { ARG_1, DO_NOTHING },	  /* PROTO */
	[0x81] = { ARG_NONE, DO_REDUCE }, /* NEWOBJ */
	[0x82] = { ARG_1, DO_EXTENSION },
	[0x83] = { ARG_2, DO_EXTENSION },
	[0x84] = { ARG_4, DO_EXTENSION },
	[0x85] = { ARG_NONE, DO_TUPLE_1 },
	[0x86] = { ARG_NONE, DO_TUPLE_2 },
	[0x87] = { ARG_NONE, DO_TUPLE_3 },
	[0x88] = { ARG_NONE, DO_DATA },
	[0x89] = { ARG_NONE, DO_DATA },
	[0x8a] = { ARG_SIZED_1, DO_DATA },
	[0x8b] = { ARG_SIZED_4, DO_DATA },
	/* 3 */
	['B'] = { ARG_SIZED_4, DO_DATA },
	['C'] = { ARG_SIZED_1, DO_DATA },
	/* 4 */
	[0x8c] = { ARG_SIZED_1, DO_STRING },
	[0x8d] = { ARG_SIZED_8, DO_STRING },
	[0x8e] = { ARG_SIZED_8, DO_DATA },
	[0x8f] = { ARG_NONE, DO_SET },
	[0x90] = { ARG_NONE, DO_ADDITEMS },
	[0x91] = { ARG_NONE, DO_MARK_SET },
	[0x92] = { ARG_NONE, DO_NEWOBJ_EX },
	[0x93] = { ARG_NONE, DO_STACK_GLOBAL },
	[0x94] = { ARG_NONE, DO_MEMOIZE },
	[0x95] = { ARG_8, DO_FRAME },
	/* 5 */
	[0x96] = { ARG_SIZED_8, DO_DATA },
	[0x97] = { ARG_NONE, DO_BUFFER },
	[0x98] = { ARG_NONE, DO_READONLY },
};

struct pickle_op pickle_op(unsigned char code)
{
	return ops[code];
}

/*
 * What torch.load(weights_only=True) lets a file use, less what builds objects of
 * a type that the file names, and what numpy writes for arrays.
 */
static const struct {
	const char *module, *names; /* names: between blanks */
	unsigned flags;
} list[] = {
	{ "collections", " OrderedDict ", MAY_CALL | MAY_BUILD | MAY_SET },
	{ "collections", " Counter ", MAY_CALL | MAY_SET },
	{ "torch._utils",
	  " _rebuild_tensor _rebuild_tensor_v2 _rebuild_tensor_v3 "
	  "_rebuild_parameter _rebuild_sparse_tensor _rebuild_qtensor "
	  "_rebuild_meta_tensor_no_storage _rebuild_nested_tensor ",
	  MAY_CALL },
	{ "torch", " Size device ", MAY_CALL },
	{ "torch",
	  " float32 float float64 double float16 half bfloat16 uint8 uint16 "
	  "uint32 uint64 int8 int16 short int32 int int64 long bool complex32 "
	  "complex64 complex128 qint8 quint8 qint32 strided sparse_coo "
	  "contiguous_format channels_last preserve_format "
	  "per_tensor_affine per_channel_affine float8_e4m3fn float8_e5m2 ",
	  0 },
	{ "torch",
	  " FloatStorage DoubleStorage HalfStorage BFloat16Storage "
	  "LongStorage IntStorage ShortStorage CharStorage ByteStorage "
	  "BoolStorage ComplexFloatStorage ComplexDoubleStorage QInt8Storage "
	  "QUInt8Storage QInt32Storage ",
	  IS_STORAGE },
	{ "torch.storage", " UntypedStorage TypedStorage ", IS_STORAGE },
	{ "torch.serialization", " _get_layout ", MAY_CALL },
	{ "numpy.core.multiarray", " _reconstruct scalar ",
	  MAY_CALL | MAY_BUILD },
	{ "numpy._core.multiarray", " _reconstruct scalar ",
	  MAY_CALL | MAY_BUILD },
	{ "numpy", " ndarray ", 0 },
	{ "numpy", " dtype ", MAY_CALL | MAY_BUILD },
	{ "_codecs", " encode ", MAY_CALL | NEEDS_LATIN },
	{ "builtins", " set frozenset complex ", MAY_CALL },
	{ "__builtin__", " set frozenset complex ", MAY_CALL },
};

int pickle_listed(const char *module, const char *name)
{
	struct str word CLEANUP(str_release) = STR_INIT;

	if (!*name || strchr(name, ' '))
		return -1;
	str_addf(&word, " %s ", name);
	for (size_t i = 0; i < ARRAY_LEN(list); i++)
		if (!strcmp(list[i].module, module) &&
		    strstr(list[i].names, word.ptr))
			return (int)i;
	return -1;
}

unsigned pickle_flags(int listed)
{
	return list[listed].flags;
}
