/*
 * Values are known as far as it matters: text that was literally there (of which
 * names are made), functions and classes on the list, what was made by one of
 * them, containers; all else is data. What is not on the list is FOREIGN from
 * then on. An operand that is not known to be harmless is a finding, and so the
 * model need not know what the operation would do to it.
 *
 * A pickle that breaks off has done its calls by then: findings in front of that
 * stay findings.
 */
#include "bundle/pickle.h"

#include "base/mem.h"
#include "bundle/pickle_ops.h"

#include <inttypes.h>
#include <string.h>

#define PIECE	    16384u
#define NAME_MAX_   200u /* longer texts make no name */
#define STACK_LIMIT ((size_t)1 << 20)
#define MEMO_LIMIT  ((size_t)1 << 20)
#define TEXT_LIMIT  ((size_t)16 << 20)
#define PROTO	    0x80
#define PROTO_MAX   5

enum kind {
	KIND_MARK,
	KIND_DATA,
	KIND_TEXT, /* low bits: where in texts */
	KIND_LIST,
	KIND_DICT,
	KIND_SET,
	KIND_STORAGE, /* ("storage", a storage type, ...) */
	KIND_LATIN,   /* ("...", "latin1") */
	KIND_LISTED,  /* a function or class; low bits: which */
	KIND_MADE,    /* by a call of one; low bits: which */
	KIND_FOREIGN,
};
#define KIND_SHIFT 28
#define LOW_BITS   (((uint32_t)1 << KIND_SHIFT) - 1)

struct memo_slot {
	uint64_t key; /* + 1; 0: free */
	uint32_t value;
};

struct machine {
	const struct scan_input *in;
	struct scan_result *r;
	struct error *err;
	uint64_t pos, end, op_at; /* op_at: of the opcode being done */
	uint64_t frame_end;	  /* 0: not in a frame */
	unsigned char buf[PIECE];
	uint64_t buf_at;
	size_t buf_len;
	uint32_t *stack;
	size_t depth, cap;
	struct memo_slot *memo;
	size_t memo_count, memo_cap;
	struct str texts; /* each ends with NUL */
	/* the argument of the opcode */
	uint64_t number;
	char text[2][NAME_MAX_ + 1];
	bool literal[2]; /* text has all of it */
	bool failed, stopped;
};

static void machine_release(struct machine *m)
{
	free_ptr(&m->stack);
	free_ptr(&m->memo);
	str_release(&m->texts);
}

static enum kind kind_of(uint32_t v)
{
	return (enum kind)(v >> KIND_SHIFT);
}

static uint32_t value(enum kind kind, size_t low)
{
	return (uint32_t)kind << KIND_SHIFT | (uint32_t)low;
}

/* Python would read on where we do not. */
static void limit(struct machine *m, const char *what)
{
	m->r->limit = true;
	if (!m->failed)
		scan_note(m->r, SCAN_MALFORMED, m->op_at, "%s", what);
	m->failed = true;
}

/* It cannot be read on. */
static void broken(struct machine *m, const char *what)
{
	if (!m->failed)
		scan_note(m->r, SCAN_MALFORMED, m->op_at, "%s", what);
	m->failed = true;
}

static void code(struct machine *m, const char *what)
{
	scan_note(m->r, SCAN_NEEDS_CODE, m->op_at, "%s", what);
}

/* --- reading ------------------------------------------------------------------ */

static bool fill(struct machine *m)
{
	uint64_t left = m->end - m->pos;
	size_t n = left < PIECE ? (size_t)left : PIECE;

	if (n == 0) {
		broken(m, "the pickle ends too early");
		return false;
	}
	m->buf_at = m->pos;
	if (m->in->pread(m->in->ctx, m->buf, n, m->pos, &m->buf_len, m->err)) {
		m->failed = true;
		return false;
	}
	if (m->buf_len == 0)
		broken(m, "the file ends too early");
	return m->buf_len > 0;
}

static int next_byte(struct machine *m)
{
	if (m->failed)
		return -1;
	if (m->pos < m->buf_at || m->pos >= m->buf_at + m->buf_len)
		if (!fill(m))
			return -1;
	return m->buf[m->pos++ - m->buf_at];
}

static uint64_t read_number(struct machine *m, unsigned bytes)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < bytes; i++) {
		int c = next_byte(m);

		if (c < 0)
			return 0;
		v |= (uint64_t)c << (8 * i);
	}
	return v;
}

static void keep(struct machine *m, unsigned which, size_t at, int c)
{
	if (at < NAME_MAX_ && c != '\0')
		m->text[which][at] = (char)c;
	else
		m->literal[which] = false;
	m->text[which][at < NAME_MAX_ ? at + 1 : NAME_MAX_] = '\0';
}

static void read_line(struct machine *m, unsigned which)
{
	int c;

	m->text[which][0] = '\0';
	m->literal[which] = true;
	for (size_t at = 0; (c = next_byte(m)) >= 0 && c != '\n'; at++)
		keep(m, which, at, c);
}

static void read_sized(struct machine *m, unsigned bytes)
{
	uint64_t n = read_number(m, bytes);

	m->text[0][0] = '\0';
	m->literal[0] = true;
	if (m->failed)
		return;
	if (n > m->end - m->pos) {
		broken(m, "longer than the pickle");
		return;
	}
	if (n > NAME_MAX_) {
		m->literal[0] = false;
		m->pos += n;
		return;
	}
	for (size_t at = 0; at < n; at++) {
		int c = next_byte(m);

		if (c < 0)
			return;
		keep(m, 0, at, c);
	}
}

static void read_arg(struct machine *m, enum pickle_arg arg)
{
	switch (arg) {
	case ARG_1:
		m->number = read_number(m, 1);
		break;
	case ARG_2:
		m->number = read_number(m, 2);
		break;
	case ARG_4:
		m->number = read_number(m, 4);
		break;
	case ARG_8:
		m->number = read_number(m, 8);
		break;
	case ARG_TWO_LINES:
		read_line(m, 0);
		read_line(m, 1);
		break;
	case ARG_LINE:
		read_line(m, 0);
		break;
	case ARG_SIZED_1:
		read_sized(m, 1);
		break;
	case ARG_SIZED_4:
		read_sized(m, 4);
		break;
	case ARG_SIZED_8:
		read_sized(m, 8);
		break;
	case ARG_NONE:
	case ARG_BAD:
		break;
	}
}

/* --- stack and memo ------------------------------------------------------------- */

static void push(struct machine *m, uint32_t v)
{
	if (m->depth == STACK_LIMIT) {
		limit(m, "the stack is too deep");
		return;
	}
	m->stack = xgrow(m->stack, &m->cap, m->depth + 1, sizeof(*m->stack));
	m->stack[m->depth++] = v;
}

/* The top, which may not be a mark. */
static uint32_t pop(struct machine *m)
{
	if (m->depth == 0 || kind_of(m->stack[m->depth - 1]) == KIND_MARK) {
		broken(m, "an operand is missing");
		return value(KIND_FOREIGN, 0);
	}
	return m->stack[--m->depth];
}

static uint32_t top(struct machine *m)
{
	uint32_t v = pop(m);

	if (!m->failed)
		m->depth++;
	return v;
}

/* Index behind the topmost mark. */
static size_t mark(struct machine *m)
{
	for (size_t i = m->depth; i > 0; i--)
		if (kind_of(m->stack[i - 1]) == KIND_MARK)
			return i;
	broken(m, "no mark");
	return 0;
}

/* Drops all from the mark on; first: index of the first operand. */
static void drop(struct machine *m, size_t first)
{
	if (!m->failed)
		m->depth = first - 1;
}

static struct memo_slot *memo_slot(const struct machine *m, uint64_t key)
{
	size_t i = (size_t)(key * 0x9e3779b97f4a7c15u >> 20) &
		   (m->memo_cap - 1);

	while (m->memo[i].key && m->memo[i].key != key + 1)
		i = (i + 1) & (m->memo_cap - 1);
	return &m->memo[i];
}

static void memo_grow(struct machine *m)
{
	struct memo_slot *old = m->memo;
	size_t cap = m->memo_cap;

	m->memo_cap = cap ? cap * 2 : 256;
	m->memo = xcalloc(m->memo_cap, sizeof(*m->memo));
	for (size_t i = 0; i < cap; i++)
		if (old[i].key)
			*memo_slot(m, old[i].key - 1) = old[i];
	free_ptr(&old);
}

static void memo_put(struct machine *m, uint64_t key)
{
	uint32_t v = top(m);
	struct memo_slot *s;

	if (m->failed)
		return;
	if (key >= UINT64_MAX - 1 || m->memo_count == MEMO_LIMIT) {
		limit(m, "the memo is too large");
		return;
	}
	if (m->memo_count * 2 >= m->memo_cap)
		memo_grow(m);
	s = memo_slot(m, key);
	m->memo_count += s->key == 0;
	*s = (struct memo_slot){ key + 1, v };
}

static void memo_get(struct machine *m, uint64_t key)
{
	struct memo_slot *s = m->memo_cap ? memo_slot(m, key) : NULL;

	if (!s || !s->key)
		broken(m, "not in the memo");
	else
		push(m, s->value);
}

/* Keys of the text protocol: decimal, as Python's int() reads plain ones. */
static uint64_t memo_key(struct machine *m, enum pickle_arg arg)
{
	uint64_t key = 0;
	const char *p = m->text[0];

	if (arg != ARG_LINE)
		return m->number;
	if (!*p || !m->literal[0] || strlen(p) > 15 ||
	    strspn(p, "0123456789") != strlen(p))
		limit(m, "a key of the memo that is no plain number");
	for (; *p >= '0' && *p <= '9'; p++)
		key = key * 10 + (uint64_t)(*p - '0');
	return key;
}

/* --- values ------------------------------------------------------------------------ */

static void push_text(struct machine *m, const char *text, bool literal)
{
	/* names that cannot be kept count as computed ones */
	if (!literal || m->texts.len + NAME_MAX_ + 1 > TEXT_LIMIT) {
		push(m, value(KIND_DATA, 0));
		return;
	}
	push(m, value(KIND_TEXT, m->texts.len));
	str_add(&m->texts, text, strlen(text) + 1);
}

/* 'text' or "text", without escapes. */
static void push_quoted(struct machine *m)
{
	char *s = m->text[0];
	size_t n = strlen(s);
	bool plain = m->literal[0] && n >= 2 && (*s == '\'' || *s == '"') &&
		     s[n - 1] == *s && !strchr(s, '\\');

	if (plain)
		s[n - 1] = '\0';
	push_text(m, s + plain, plain);
}

static const char *text_of(const struct machine *m, uint32_t v)
{
	return kind_of(v) == KIND_TEXT ? m->texts.ptr + (v & LOW_BITS) : NULL;
}

/* What a tuple of these operands is worth knowing as. */
static uint32_t tuple_of(const struct machine *m, size_t first)
{
	size_t n = m->depth - first;
	const uint32_t *v = m->stack + first;
	const char *a = n >= 2 ? text_of(m, v[0]) : NULL;
	const char *b = n >= 2 ? text_of(m, v[1]) : NULL;

	if (a && !strcmp(a, "storage") && kind_of(v[1]) == KIND_LISTED &&
	    pickle_flags((int)(v[1] & LOW_BITS)) & IS_STORAGE)
		return value(KIND_STORAGE, 0);
	if (n == 2 && b && !strcmp(b, "latin1") &&
	    (a || kind_of(v[0]) == KIND_DATA))
		return value(KIND_LATIN, 0);
	return value(KIND_DATA, 0);
}

static void make_tuple(struct machine *m, size_t n)
{
	uint32_t made;

	for (size_t i = 0; i < n; i++)
		if (m->depth < n ||
		    kind_of(m->stack[m->depth - 1 - i]) == KIND_MARK) {
			broken(m, "an operand is missing");
			return;
		}
	made = tuple_of(m, m->depth - n);
	m->depth -= n;
	push(m, made);
}

static void collect(struct machine *m, enum kind kind)
{
	size_t first = mark(m);
	uint32_t made = value(kind, 0);

	if (m->failed)
		return;
	if (kind == KIND_DATA)
		made = tuple_of(m, first);
	drop(m, first);
	push(m, made);
}

/* --- functions and classes ------------------------------------------------------------ */

static uint32_t look_up(struct machine *m, const char *module, const char *name)
{
	int listed = pickle_listed(module, name);

	if (listed >= 0)
		return value(KIND_LISTED, (size_t)listed);
	scan_note(m->r, SCAN_NEEDS_CODE, m->op_at, "%s.%s", module, name);
	return value(KIND_FOREIGN, 0);
}

static uint32_t named(struct machine *m)
{
	if (m->failed)
		return value(KIND_FOREIGN, 0);
	if (m->literal[0] && m->literal[1])
		return look_up(m, m->text[0], m->text[1]);
	scan_note(m->r, SCAN_NEEDS_CODE, m->op_at, "%s.%s... (a long name)",
		  m->text[0], m->text[1]);
	return value(KIND_FOREIGN, 0);
}

static void stack_global(struct machine *m)
{
	uint32_t name = pop(m), module = pop(m);
	const char *a = text_of(m, module), *b = text_of(m, name);

	if (m->failed)
		return;
	if (a && b) {
		push(m, look_up(m, a, b));
		return;
	}
	code(m, "a name that is computed");
	push(m, value(KIND_FOREIGN, 0));
}

/* args: of REDUCE; or 0, where they do not matter. */
static uint32_t call(struct machine *m, uint32_t f, uint32_t args)
{
	unsigned flags;

	if (m->failed || kind_of(f) == KIND_FOREIGN)
		return value(KIND_FOREIGN, 0);
	if (kind_of(f) != KIND_LISTED) {
		code(m, "a call of something that is no listed function");
		return value(KIND_FOREIGN, 0);
	}
	flags = pickle_flags((int)(f & LOW_BITS));
	if (!(flags & MAY_CALL)) {
		code(m, "a call of something that is only listed as a type");
		return value(KIND_FOREIGN, 0);
	}
	if (flags & NEEDS_LATIN) {
		if (kind_of(args) != KIND_LATIN)
			code(m,
			     "_codecs.encode with another codec than latin1");
		return value(KIND_DATA, 0);
	}
	return value(KIND_MADE, f & LOW_BITS);
}

static void reduce(struct machine *m, bool with_keywords)
{
	uint32_t keywords = with_keywords ? pop(m) : 0, args = pop(m);
	uint32_t f = pop(m);

	(void)keywords;
	push(m, call(m, f, args));
}

/* The class is the first operand behind the mark. */
static void object(struct machine *m)
{
	size_t first = mark(m);
	uint32_t f;

	if (m->failed)
		return;
	if (first == m->depth) {
		broken(m, "an operand is missing");
		return;
	}
	f = m->stack[first];
	drop(m, first);
	push(m, call(m, f, 0));
}

static void instance(struct machine *m)
{
	uint32_t f = named(m);

	drop(m, mark(m));
	push(m, call(m, f, 0));
}

/* An operation on a container that was made in the pickle itself. */
static void change(struct machine *m, enum kind kind, const char *what)
{
	uint32_t v = top(m);
	bool made = kind_of(v) == KIND_MADE && kind == KIND_DICT &&
		    pickle_flags((int)(v & LOW_BITS)) & MAY_SET;

	if (m->failed || kind_of(v) == kind || made ||
	    kind_of(v) == KIND_FOREIGN)
		return;
	code(m, what);
	m->stack[m->depth - 1] = value(KIND_FOREIGN, 0);
}

static void build(struct machine *m)
{
	uint32_t v;

	pop(m);
	v = top(m);
	if (m->failed || kind_of(v) == KIND_FOREIGN ||
	    (kind_of(v) == KIND_MADE &&
	     pickle_flags((int)(v & LOW_BITS)) & MAY_BUILD))
		return;
	code(m, "a state (BUILD) for something that should have none");
	m->stack[m->depth - 1] = value(KIND_FOREIGN, 0);
}

static void persistent(struct machine *m)
{
	uint32_t id = pop(m);

	if (!m->failed && kind_of(id) != KIND_STORAGE)
		code(m, "a persistent id that is no storage of torch");
	push(m, value(KIND_DATA, 0));
}

/* --- the loop ---------------------------------------------------------------------------- */

static void do_stack(struct machine *m, enum pickle_do action)
{
	uint32_t v;

	if (action == DO_MARK) {
		push(m, value(KIND_MARK, 0));
	} else if (action == DO_POP) {
		/* a mark too, as both of Python's unpicklers do */
		if (m->depth == 0)
			broken(m, "an operand is missing");
		else
			m->depth--;
	} else if (action == DO_POP_MARK) {
		drop(m, mark(m));
	} else {
		v = top(m);
		push(m, v);
	}
}

static void do_change(struct machine *m, enum pickle_do action)
{
	if (action == DO_APPEND || action == DO_SETITEM)
		pop(m);
	if (action == DO_SETITEM)
		pop(m);
	if (action == DO_APPENDS || action == DO_SETITEMS ||
	    action == DO_ADDITEMS)
		drop(m, mark(m));
	if (action == DO_APPEND || action == DO_APPENDS)
		change(m, KIND_LIST, "items for something that is no list");
	else if (action == DO_ADDITEMS)
		change(m, KIND_SET, "items for something that is no set");
	else
		change(m, KIND_DICT, "items for something that is no dict");
}

static void do_call(struct machine *m, enum pickle_do action)
{
	switch ((int)action) {
	case DO_GLOBAL:
		push(m, named(m));
		break;
	case DO_STACK_GLOBAL:
		stack_global(m);
		break;
	case DO_INST:
		instance(m);
		break;
	case DO_OBJ:
		object(m);
		break;
	case DO_BUILD:
		build(m);
		break;
	case DO_PERSID:
		code(m, "a persistent id that is a text");
		push(m, value(KIND_FOREIGN, 0));
		break;
	case DO_BINPERSID:
		persistent(m);
		break;
	case DO_EXTENSION:
		scan_note(m->r, SCAN_NEEDS_CODE, m->op_at,
			  "extension %" PRIu64 " of copyreg", m->number);
		push(m, value(KIND_FOREIGN, 0));
		break;
	case DO_BUFFER:
		code(m, "a buffer from outside");
		push(m, value(KIND_FOREIGN, 0));
		break;
	default: /* REDUCE, NEWOBJ, NEWOBJ_EX */
		reduce(m, action == DO_NEWOBJ_EX);
	}
}

static void do_value(struct machine *m, enum pickle_do action)
{
	switch ((int)action) {
	case DO_STRING:
		push_text(m, m->text[0], m->literal[0]);
		break;
	case DO_QUOTED:
		push_quoted(m);
		break;
	case DO_ESCAPED:
		push_text(m, m->text[0],
			  m->literal[0] && !strchr(m->text[0], '\\'));
		break;
	case DO_LIST:
		push(m, value(KIND_LIST, 0));
		break;
	case DO_DICT:
		push(m, value(KIND_DICT, 0));
		break;
	case DO_SET:
		push(m, value(KIND_SET, 0));
		break;
	default: /* DATA, TUPLE */
		push(m, value(KIND_DATA, 0));
	}
}

static void stop_at(struct machine *m)
{
	pop(m);
	m->stopped = true;
}

/*
 * A pickler's frames end where an opcode does, and with the pickle. Where they do
 * not, Python's readers part: the one in C drops what is left of a frame, if it has
 * no file to look ahead in, and goes on at other bytes than all the others.
 */
static void leave_frame(struct machine *m)
{
	if (!m->frame_end || m->failed)
		return;
	if (m->pos > m->frame_end)
		limit(m, "an opcode that its frame does not hold");
	else if (m->stopped && m->pos < m->frame_end)
		limit(m, "a frame that goes on behind the pickle");
	else if (m->pos == m->frame_end)
		m->frame_end = 0;
}

/* Behind its length. */
static void enter_frame(struct machine *m)
{
	leave_frame(m);
	if (m->frame_end && !m->failed)
		limit(m, "a frame in a frame");
	else if (m->number > m->end - m->pos)
		broken(m, "longer than the pickle");
	else if (m->number > 0)
		m->frame_end = m->pos + m->number;
}

static void do_op(struct machine *m, const struct pickle_op *op)
{
	enum pickle_do a = op->action;

	if (a >= DO_DATA && a <= DO_TUPLE)
		do_value(m, a);
	else if (a >= DO_MARK && a <= DO_DUP)
		do_stack(m, a);
	else if (a == DO_MARK_TUPLE)
		collect(m, KIND_DATA);
	else if (a == DO_MARK_LIST)
		collect(m, KIND_LIST);
	else if (a == DO_MARK_DICT)
		collect(m, KIND_DICT);
	else if (a == DO_MARK_SET)
		collect(m, KIND_SET);
	else if (a >= DO_TUPLE_1 && a <= DO_TUPLE_3)
		make_tuple(m, (size_t)(a - DO_TUPLE_1) + 1);
	else if (a >= DO_APPEND && a <= DO_ADDITEMS)
		do_change(m, a);
	else if (a == DO_PUT)
		memo_put(m, memo_key(m, op->arg));
	else if (a == DO_GET)
		memo_get(m, memo_key(m, op->arg));
	else if (a == DO_MEMOIZE)
		memo_put(m, m->memo_count);
	else if (a == DO_READONLY)
		top(m);
	else if (a == DO_FRAME)
		enter_frame(m);
	else if (a == DO_STOP)
		stop_at(m);
	else if (a != DO_NOTHING)
		do_call(m, a);
}

static void step(struct machine *m)
{
	struct pickle_op op;
	int c;

	m->op_at = m->pos;
	c = next_byte(m);
	if (c < 0)
		return;
	op = pickle_op((unsigned char)c);
	if (op.arg == ARG_BAD) {
		broken(m, "no opcode of pickle");
		return;
	}
	read_arg(m, op.arg);
	if (!m->failed && c == PROTO && m->number > PROTO_MAX)
		broken(m, "a protocol that is not known");
	if (!m->failed)
		do_op(m, &op);
	leave_frame(m);
}

int pickle_scan(const struct scan_input *in, uint64_t offset, uint64_t end,
		uint64_t *stop, struct scan_result *r, struct error *err)
{
	struct machine *m CLEANUP(free_ptr) = xcalloc(1, sizeof(*m));

	m->in = in;
	m->r = r;
	m->err = err;
	m->pos = offset;
	m->end = end;
	m->texts = (struct str)STR_INIT;
	scan_raise(r, SCAN_LISTED);
	while (!m->failed && !m->stopped)
		step(m);
	*stop = m->pos;
	machine_release(m);
	return err->code == ERR_NONE ? 0 : -1;
}
