#include "base/path.h"

#include <stdint.h>
#include <string.h>

/* Canonical decompositions of the Unicode Character Database for the lower-case
 * letters of the Latin, Greek and Cyrillic blocks and for kana: the n-th of
 * composed, which is sorted, is the n-th of plain with the n-th mark, '@' being
 * the first of marks. */
static const uint16_t composed[] =
	u"àáâãäåçèéêëìíîïñòóôõöùúûüýÿāăąćĉ"
	u"ċčďēĕėęěĝğġģĥĩīĭįİĵķĺļľńņňōŏőŕŗř"
	u"śŝşšţťũūŭůűųŵŷźżžơưǎǐǒǔǖǘǚǜǟǡǣǧǩ"
	u"ǫǭǯǰǵǹǻǽǿȁȃȅȇȉȋȍȏȑȓȕȗșțȟȧȩȫȭȯȱȳ΅"
	u"ΐάέήίΰϊϋόύώϓϔйѐёѓїќѝўѷӂӑӓӗӛӝӟӣӥӧ"
	u"ӫӭӯӱӳӵӹḁḃḅḇḉḋḍḏḑḓḕḗḙḛḝḟḡḣḥḧḩḫḭḯḱ"
	u"ḳḵḷḹḻḽḿṁṃṅṇṉṋṍṏṑṓṕṗṙṛṝṟṡṣṥṧṩṫṭṯṱ"
	u"ṳṵṷṹṻṽṿẁẃẅẇẉẋẍẏẑẓẕẖẗẘẙẛạảấầẩẫậắằ"
	u"ẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữự"
	u"ỳỵỷỹがぎぐげござじずぜぞだぢづでどばぱびぴぶぷべぺぼぽゔゞガ"
	u"ギグゲゴザジズゼゾダヂヅデドバパビピブプベペボポヴヷヸヹヺヾ";
static const uint16_t plain[] =
	u"aaaaaaceeeeiiiinooooouuuuyyaaacc"
	u"ccdeeeeegggghiiiiijklllnnnooorrr"
	u"ssssttuuuuuuwyzzzouaiouüüüüäȧægk"
	u"oǫʒjgnåæøaaeeiioorruusthaeöõoȯy¨"
	u"ϊαεηιϋιυουωϒϒиеегікиуѵжааеәжзиио"
	u"өэууучыabbbçdddddēēeeȩfghhhhhiïk"
	u"kklḷllmmmnnnnõõōōpprrṛrssśšṣtttt"
	u"uuuũūvvwwwwwxxyzzzhtwysaaââââạăă"
	u"ăăạeeeêêêêẹiiooôôôôọơơơơơuuưưưưư"
	u"yyyyかきくけこさしすせそたちつてとははひひふふへへほほうゝカ"
	u"キクケコサシスセソタチツテトハハヒヒフフヘヘホホウワヰヱヲヽ";
static const char mark_of[] = "@ABCGIS@ABG@ABGC@ABCG@ABGAGDETAB"
			      "FKKDEFTKBEFSBCDETFBSASKASKDEJASK"
			      "ABSKSKCDEIJTBBAFKNNKKKKDAK@DDDKK"
			      "TDKKA@AAALMLMLMLMLMLMRRKFSDDFDDA"
			      "AAAAAAGGAAAAGE@GAGA@ELEEGEGGGDGG"
			      "GGDGJGGQFOXAFOXSU@AUWEFDFOGSVWAA"
			      "OXODXUAFOFOXUAG@AAFFODXFOFFFFOXU"
			      "PWUAGCO@AGFOFGFBOXXGIIFOHA@HCBA@"
			      "HCEOHCA@HCBHOOHA@HCBA@HCOOHA@HCO"
			      "@OHCYYYYYYYYYYYYYYYYZYZYZYZYZYYY"
			      "YYYYYYYYYYYYYYYZYZYZYZYZYYYYYY";
static const uint16_t marks[] = {
	0x0300, 0x0301, 0x0302, 0x0303, 0x0304, 0x0306, 0x0307, 0x0308, 0x0309,
	0x030A, 0x030B, 0x030C, 0x030F, 0x0311, 0x031B, 0x0323, 0x0324, 0x0325,
	0x0326, 0x0327, 0x0328, 0x032D, 0x032E, 0x0330, 0x0331, 0x3099, 0x309A,
};
_Static_assert(ARRAY_LEN(composed) == ARRAY_LEN(plain), "parallel");
_Static_assert(ARRAY_LEN(composed) == ARRAY_LEN(mark_of), "parallel");

/* Upper-case letters first..last become lower-case ones: plus delta, or, where
 * the two stand side by side in pairs, those with first's parity plus one. */
static const struct {
	uint16_t first, last, delta;
} upper[] = {
	{ 'A', 'Z', 0x20 },	  { 0x00C0, 0x00D6, 0x20 },
	{ 0x00D8, 0x00DE, 0x20 }, { 0x0100, 0x012E, 1 },
	{ 0x0132, 0x0136, 1 },	  { 0x0139, 0x0147, 1 },
	{ 0x014A, 0x0176, 1 },	  { 0x0179, 0x017D, 1 },
	{ 0x01A0, 0x01A4, 1 },	  { 0x01AF, 0x01AF, 1 },
	{ 0x01CD, 0x01DB, 1 },	  { 0x01DE, 0x01EE, 1 },
	{ 0x01F4, 0x01F4, 1 },	  { 0x01F8, 0x021E, 1 },
	{ 0x0222, 0x0232, 1 },	  { 0x0370, 0x0372, 1 },
	{ 0x0376, 0x0376, 1 },	  { 0x0388, 0x038A, 0x25 },
	{ 0x038E, 0x038F, 0x3F }, { 0x0391, 0x03AB, 0x20 },
	{ 0x03D8, 0x03EE, 1 },	  { 0x0400, 0x040F, 0x50 },
	{ 0x0410, 0x042F, 0x20 }, { 0x0460, 0x0480, 1 },
	{ 0x048A, 0x04BE, 1 },	  { 0x04C1, 0x04CD, 1 },
	{ 0x04D0, 0x052E, 1 },	  { 0x1E00, 0x1E94, 1 },
	{ 0x1EA0, 0x1EFE, 1 },	  { 0xFF21, 0xFF3A, 0x20 },
};

static const struct {
	uint16_t from, to;
} singles[] = {
	{ 0x00B5, 0x03BC }, /* micro */
	{ 0x0178, 0x00FF }, /* Y with diaeresis */
	{ 0x017F, 's' },    /* long s */
	{ 0x0374, 0x02B9 }, /* numeral sign */
	{ 0x037E, ';' },    /* question mark */
	{ 0x0386, 0x03AC }, /* Alpha with tonos */
	{ 0x0387, 0x00B7 }, /* ano teleia */
	{ 0x038C, 0x03CC }, /* Omicron with tonos */
	{ 0x03C2, 0x03C3 }, /* final sigma */
	{ 0x04C0, 0x04CF }, /* palochka */
	{ 0x1E9E, 0x00DF }, /* capital sharp s */
	{ 0x2126, 0x03C9 }, /* ohm */
	{ 0x212A, 'k' },    /* kelvin */
	{ 0x212B, 0x00E5 }, /* angstrom */
};

static uint32_t lower(uint32_t cp)
{
	for (size_t i = 0; i < ARRAY_LEN(upper); i++) {
		if (cp < upper[i].first || cp > upper[i].last)
			continue;
		if (upper[i].delta > 1)
			return cp + upper[i].delta;
		return cp + !((cp - upper[i].first) & 1);
	}
	for (size_t i = 0; i < ARRAY_LEN(singles); i++)
		if (cp == singles[i].from)
			return singles[i].to;
	return cp;
}

static uint32_t upper_case(uint32_t cp)
{
	for (size_t i = 0; i < ARRAY_LEN(upper); i++) {
		uint32_t from = cp - upper[i].delta;

		if (from >= upper[i].first && from <= upper[i].last &&
		    lower(from) == cp)
			return from;
	}
	return cp;
}

static void put(struct str *out, uint32_t cp)
{
	char bytes[4];

	str_add(out, bytes, utf8_encode(cp, bytes));
}

/* Index of cp in composed, or -1. */
static int find_composed(uint32_t cp)
{
	int low = 0, high = (int)ARRAY_LEN(composed) - 1; /* not the NUL */

	while (low < high) {
		int middle = (low + high) / 2;

		if (composed[middle] < cp)
			low = middle + 1;
		else
			high = middle;
	}
	return composed[low] == cp ? low : -1;
}

/* Hangul syllables are composed by arithmetic (Unicode 3.12). */
static void put_hangul(struct str *out, uint32_t index)
{
	put(out, 0x1100 + index / 588);
	put(out, 0x1161 + index % 588 / 28);
	if (index % 28)
		put(out, 0x11A7 + index % 28);
}

/* NOLINTNEXTLINE(misc-no-recursion): a decomposition is four deep at most */
static void put_decomposed(struct str *out, uint32_t cp)
{
	int index = find_composed(cp);

	if (cp >= 0xAC00 && cp <= 0xD7A3) {
		put_hangul(out, cp - 0xAC00);
	} else if (index >= 0) {
		/* the plain one may have a mark itself; three at most */
		put_decomposed(out, plain[index]);
		put(out, marks[mark_of[index] - '@']);
	} else {
		put(out, cp);
	}
}

/* A capital letter is a small one's plain letter as a capital, with its marks. */
static void put_keeping_case(struct str *out, uint32_t cp)
{
	struct str small CLEANUP(str_release) = STR_INIT;
	uint32_t first;
	size_t n;

	if (cp < 0x80 || lower(cp) == cp || find_composed(lower(cp)) < 0) {
		put_decomposed(out, cp);
		return;
	}
	put_decomposed(&small, lower(cp));
	n = utf8_decode(small.ptr, small.len, &first);
	put(out, upper_case(first));
	str_add(out, small.ptr + n, small.len - n);
}

static void put_folded(struct str *out, uint32_t cp)
{
	if (cp < 0x80)
		put(out, lower(cp));
	else
		put_decomposed(out, lower(cp));
}

static char *each_letter(const char *path,
			 void (*put_letter)(struct str *out, uint32_t cp))
{
	struct str out CLEANUP(str_release) = STR_INIT;
	size_t len = strlen(path);
	uint32_t cp;

	for (size_t i = 0, n; i < len; i += n) {
		n = utf8_decode(path + i, len - i, &cp);
		if (n)
			put_letter(&out, cp);
		else
			str_addc(&out, path[i]);
		n += n == 0;
	}
	return str_detach(&out);
}

char *path_fold(const char *path)
{
	return each_letter(path, put_folded);
}

char *path_decompose(const char *path)
{
	return each_letter(path, put_keeping_case);
}
