#include "tests/unit/bundle/unit.h"

#include "bundle/npy.h"
#include "bundle/scan.h"

#include <string.h>

struct row {
	const char *bytes;
	size_t len;
	enum scan_word word;
	const char *note; /* NULL: none */
};
#define ROW(bytes, word, note)                       \
	{                                            \
		bytes, sizeof(bytes) - 1, word, note \
	}

static void check(const struct row *row, const char *name)
{
	struct memory m = { row->bytes, row->len };
	struct scan_input in = { read_memory, &m, row->len };
	struct scan_result r CLEANUP(scan_result_release) = { 0 };
	struct error err = { 0 };

	assert_ok(scan_file(&in, name, &r, &err), &err);
	assert_string_equal(scan_word_name(r.word), scan_word_name(row->word));
	assert_int_equal(r.notes.count > 0, row->note != NULL);
	if (row->note && !strstr(r.notes.items[0], row->note))
		fail_msg("\"%s\" is not in \"%s\"", row->note,
			 r.notes.items[0]);
}

/* One opcode after the other; whole pickles are in tests/e2e/0202-scan.sh. */
static void opcodes(void **state)
{
	static const struct row rows[] = {
		ROW("\x80\x02N.", SCAN_LISTED, NULL),
		ROW("\x80\x02)(lp0\n0g0\n.", SCAN_LISTED, NULL),
		ROW("\x80\x02]NaN.", SCAN_LISTED, NULL),
		ROW("\x80\x02](NNe.", SCAN_LISTED, NULL),
		ROW("\x80\x02}NNs(NNu.", SCAN_LISTED, NULL),
		ROW("\x80\x02NN\x86N\x87.", SCAN_MALFORMED,
		    "byte 6: an operand"),
		ROW("\x80\x04\x8f(N\x90.", SCAN_LISTED, NULL),
		ROW("\x80\x04\x8f(N\x90}(NNuNs.", SCAN_NEEDS_CODE, "no dict"),
		ROW("\x80\x02(.", SCAN_MALFORMED, "operand"),
		ROW("\x80\x02(N0"
		    "0N.",
		    SCAN_LISTED, NULL),
		ROW("\x80\x02N(0.", SCAN_LISTED, NULL),
		ROW("\x80\x02N(a.", SCAN_MALFORMED, "operand"),
		ROW("\x80\x02"
		    "1.",
		    SCAN_MALFORMED, "no mark"),
		ROW("\x80\x02h\x05.", SCAN_MALFORMED, "not in the memo"),
		ROW("\x80\x02Nq\x05h\x05.", SCAN_LISTED, NULL),
		ROW("\x80\x04N\x94h\x00.", SCAN_LISTED, NULL),
		ROW("\x80\x02"
		    "c__builtin__\nset\n]\x85R.",
		    SCAN_LISTED, NULL),
		ROW("\x80\x02"
		    "c__builtin__\neval\n.",
		    SCAN_NEEDS_CODE, "byte 2: __builtin__.eval"),
		ROW("\x80\x02"
		    "c__builtin__\nset frozenset\n.",
		    SCAN_NEEDS_CODE, "set frozenset"),
		ROW("\x80\x02"
		    "c_codecs\nencode\nX\x01\x00\x00\x00"
		    "aX\x06\x00\x00\x00latin1\x86R.",
		    SCAN_LISTED, NULL),
		/* names that are not there letter by letter */
		ROW("\x80\x02"
		    "ccollections\nOrderedDict\0evil\n.",
		    SCAN_NEEDS_CODE, "(a long name)"),
		ROW("\x80\x04S'o\\x73'\nS'system'\n\x93.", SCAN_NEEDS_CODE,
		    "a name that is computed"),
		ROW("\x80\x04Vo\\u0073\nVsystem\n\x93.", SCAN_NEEDS_CODE,
		    "a name that is computed"),
		ROW("\x80\x02(X\x07\x00\x00\x00storagectorch\nfloat32\ntQ.",
		    SCAN_NEEDS_CODE, "no storage of torch"),
		ROW("\x80\x02"
		    "ctorch._utils\n_rebuild_tensor_v2\n)RNNs.",
		    SCAN_NEEDS_CODE, "no dict"),
		ROW("\x80\x02"
		    "ctorch._utils\n_rebuild_tensor_v2\n)R}b.",
		    SCAN_NEEDS_CODE, "a state (BUILD)"),
		ROW("\x80\x02X\xff\xff\xff\x7f.", SCAN_MALFORMED,
		    "longer than the pickle"),
		ROW("\x80\x02Np18446744073709551616\ng0\n.", SCAN_MALFORMED,
		    "no plain number"),
		ROW("\x80\x02\xff.", SCAN_MALFORMED, "no opcode of pickle"),
		ROW("\x80\x02N.garbage", SCAN_MALFORMED,
		    "something follows the pickle"),
		ROW("\x80\x06N.", SCAN_NO_PICKLE, NULL),
		ROW("\x80\x05\x80\x06N.", SCAN_MALFORMED, "protocol"),
		ROW("PK\x05\x06"
		    "0000",
		    SCAN_MALFORMED, "ends too early"),
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check(&rows[i], "x.safetensors");
}

/* Without a mark in the bytes, the name decides whether they are tried. */
static void by_name(void **state)
{
	static const struct row called = ROW("cos\nsystem\n.", SCAN_NEEDS_CODE,
					     "os.system");
	static const struct row text = ROW("cos\nsystem\n.", SCAN_NO_PICKLE,
					   NULL);
	static const struct row raw = ROW("N\xff\xff\xff", SCAN_NO_PICKLE,
					  NULL);
	static const struct row cut = ROW("cos\nsystem\n", SCAN_MALFORMED,
					  "os.system");

	(void)state;
	check(&called, "x.bin");
	check(&called, "x.PTH");
	check(&text, "x.txt");
	check(&raw, "x.bin");
	check(&cut, "x.ckpt");
}

#define DICT(descr, shape)                                                     \
	"{'descr': " descr ", 'fortran_order': False, 'shape': " shape ", }  " \
	"\n"

static void headers_of_numpy(void **state)
{
	static const struct {
		const char *text;
		enum npy_kind kind;
		uint64_t size;
	} rows[] = {
		{ DICT("'<f4'", "(3, 4)"), NPY_NUMBERS, 48 },
		{ DICT("'|b1'", "()"), NPY_NUMBERS, 1 },
		{ DICT("\"<U5\"", "(2,)"), NPY_NUMBERS, 40 },
		{ DICT("'<M8[ns]'", "(2L,)"), NPY_NUMBERS, 16 },
		{ DICT("[('a', '<f4'), ('b', '<i2', (2, 3))]", "(2,)"),
		  NPY_NUMBERS, 32 },
		{ DICT("'|O'", "(1,)"), NPY_OBJECTS, 0 },
		{ DICT("[('a', '<f4'), ('b', [('c', '|O')])]", "(1,)"),
		  NPY_OBJECTS, 0 },
		/* Python might see something else, or nothing, in these */
		{ DICT("'object'", "(1,)"), NPY_UNKNOWN, 0 },
		{ DICT("'f4,O'", "(1,)"), NPY_UNKNOWN, 0 },
		{ DICT("'<f' '4'", "(1,)"), NPY_UNKNOWN, 0 },
		{ DICT("'\\x4f'", "(1,)"), NPY_UNKNOWN, 0 },
		{ DICT("b'<f4'", "(1,)"), NPY_UNKNOWN, 0 },
		{ DICT("'<'", "(1,)"), NPY_UNKNOWN, 0 },
		{ DICT("'<M8['", "(1,)"), NPY_UNKNOWN, 0 },
		{ DICT("'<x4'", "(1,)"), NPY_UNKNOWN, 0 },
		{ DICT("[('a\\x41', '<f4')]", "(1,)"), NPY_UNKNOWN, 0 },
		{ DICT("'<f4'", "(01,)"), NPY_UNKNOWN, 0 },
		{ DICT("'<f4', 'descr': '|O'", "(1,)"), NPY_UNKNOWN, 0 },
		{ DICT("'<f4'", "(-1,)"), NPY_UNKNOWN, 0 },
		{ DICT("'<f4'", "(1"), NPY_UNKNOWN, 0 },
		{ DICT("'<f4'", "(18446744073709551616,)"), NPY_UNKNOWN, 0 },
		{ DICT("'<f4'", "(4294967296, 4294967296)"), NPY_UNKNOWN, 0 },
		{ DICT("'<f4'", "(4611686018427387904,)"), NPY_UNKNOWN, 0 },
		{ DICT("'<f4'", "(1,)") "x", NPY_UNKNOWN, 0 },
		{ "{'descr': '<f4', 'shape': (1,)}\n", NPY_UNKNOWN, 0 },
		{ "", NPY_UNKNOWN, 0 },
	};
	struct str deep CLEANUP(str_release) = STR_INIT;
	uint64_t size;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		enum npy_kind kind = npy_judge(rows[i].text,
					       strlen(rows[i].text), &size);

		if (kind != rows[i].kind)
			fail_msg("%s: %d", rows[i].text, (int)kind);
		if (kind == NPY_NUMBERS)
			assert_int_equal(size, rows[i].size);
	}
	str_adds(&deep, "{'descr': ");
	for (unsigned i = 0; i < 10000; i++)
		str_adds(&deep, "[('',");
	assert_int_equal(npy_judge(deep.ptr, deep.len, &size), NPY_UNKNOWN);
	str_clear(&deep);
	str_adds(&deep, DICT("'<f4'", "(1,)"));
	str_fill(&deep, ' ', NPY_HEADER_MAX);
	assert_int_equal(npy_judge(deep.ptr, deep.len, &size), NPY_UNKNOWN);
}

/* Types in types, as deep as is read and one more. */
static void deep_types(void **state)
{
	(void)state;
	for (unsigned depth = NPY_DEPTH; depth <= NPY_DEPTH + 1; depth++) {
		struct str text CLEANUP(str_release) = STR_INIT;
		uint64_t size;

		str_adds(&text, "{'descr': ");
		for (unsigned i = 0; i < depth; i++)
			str_adds(&text, "[('a', ");
		str_adds(&text, "'<f4'");
		for (unsigned i = 0; i < depth; i++)
			str_adds(&text, ")]");
		str_adds(&text, ", 'fortran_order': False, 'shape': ()}");
		assert_int_equal(npy_judge(text.ptr, text.len, &size),
				 depth > NPY_DEPTH ? NPY_UNKNOWN : NPY_NUMBERS);
	}
}

/* head, the part n times, tail: of which there is no end. */
static void check_many(const char *head, const struct str *part, size_t n,
		       const char *tail, const struct row *wanted)
{
	struct str text CLEANUP(str_release) = STR_INIT;
	struct row row = *wanted;

	str_adds(&text, head);
	for (size_t i = 0; i < n; i++)
		str_add(&text, part->ptr, part->len);
	str_adds(&text, tail);
	row.bytes = text.ptr;
	row.len = text.len;
	check(&row, "x.safetensors");
}

static void limits(void **state)
{
	static const struct row pickles = ROW("", SCAN_MALFORMED,
					      "too many pickles");
	static const struct row arrays = ROW("", SCAN_MALFORMED,
					     "too many arrays");
	static const struct row memo = ROW("", SCAN_MALFORMED,
					   "the memo is too large");
	static const struct row names = ROW("", SCAN_NEEDS_CODE,
					    "a name that is computed");
	static const char array[] = "\x93NUMPY\x01\0\x3a\0"
				    "{'descr': '<f4', 'fortran_order': False, "
				    "'shape': (0,)}   ";
	struct str part CLEANUP(str_release) = STR_INIT;

	(void)state;
	str_adds(&part, "\x80\x02N.");
	check_many("", &part, 1001, "", &pickles);
	str_clear(&part);
	assert_int_equal(sizeof(array) - 1, 10 + 0x3a);
	str_add(&part, array, sizeof(array) - 1);
	check_many("", &part, 1001, "", &arrays);
	str_clear(&part);
	str_addc(&part, '\x94');
	check_many("\x80\x04N", &part, (1 << 20) + 1, ".", &memo);
	/* texts are kept as names may be made of them; not all of them */
	str_clear(&part);
	str_add(&part, "X\xc8\0\0\0", 5);
	str_fill(&part, 'x', 200);
	str_addc(&part, '0');
	check_many("\x80\x04", &part, 84000, "S'os'\nS'system'\n\x93.", &names);
}

int run_scan_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(opcodes),
		cmocka_unit_test(by_name),
		cmocka_unit_test(headers_of_numpy),
		cmocka_unit_test(deep_types),
		cmocka_unit_test(limits),
	};

	return cmocka_run_group_tests_name("scan", tests, NULL, NULL);
}
