package javaregex

import (
	"strings"
	"unicode/utf8"
)

// machine runs a program on one text. Choices it can come back to lie on a
// stack, together with what has to be undone on the way back.
type machine struct {
	prog  *program
	text  string
	regs  []int
	stack []frame
	steps int
	limit int
	whole bool // a match must reach the end of the text
	last  int  // where the match before ended
}

// frame is a choice: go on at pc from pos; or, with pc undo, set a register
// back. A run of characters may give back one after the other, down to low.
type frame struct {
	pc, pos, low int
}

const (
	undo      = -1
	keptStack = 1 << 12 // larger stacks are not kept for the next text
)

func (m *machine) reset(text string) {
	m.text, m.steps, m.whole, m.last = text, 0, false, 0
	m.limit = maxSteps
	if cap(m.stack) > keptStack {
		m.stack = nil
	}
}

// run tries to match at one place. Group 0 is set if it does.
func (m *machine) run(start int) (bool, error) {
	for i := range m.regs {
		m.regs[i] = -1
	}
	m.stack = m.stack[:0]
	end, ok := m.exec(0, start, 0)
	if m.steps > m.limit {
		return false, ErrTooComplex
	}
	if ok {
		m.regs[0], m.regs[1] = start, end
	}
	return ok, nil
}

// search tries one place after the other. Long texts get more steps.
func (m *machine) search(from int) (bool, error) {
	m.limit = maxSteps + 16*len(m.text)
	prefix := ""
	if first := m.prog.insts[0]; first.op == opText {
		prefix = first.text
	}
	for start := from; start <= len(m.text); start += width(m.text, start) {
		skipped := strings.Index(m.text[start:], prefix)
		if skipped < 0 {
			return false, nil
		}
		start += skipped
		m.steps++
		if found, err := m.run(start); found || err != nil {
			return found, err
		}
	}
	return false, nil
}

// set changes a register so that going back restores it.
func (m *machine) set(reg, value int) {
	m.stack = append(m.stack, frame{undo, reg, m.regs[reg]})
	m.regs[reg] = value
}

// back goes to the latest choice above base.
func (m *machine) back(base int) (pc, pos int, ok bool) {
	for len(m.stack) > base {
		top := &m.stack[len(m.stack)-1]
		if top.pc == undo {
			m.regs[top.pos] = top.low
			m.stack = m.stack[:len(m.stack)-1]
			continue
		}
		pc, pos = top.pc, top.pos
		if top.low < 0 || pos <= top.low {
			m.stack = m.stack[:len(m.stack)-1]
			return pc, pos, true
		}
		_, n := utf8.DecodeLastRuneInString(m.text[:pos])
		top.pos -= n
		return pc, pos, true
	}
	return 0, 0, false
}

// cut forgets the choices above base, but not what has to be undone.
func (m *machine) cut(base int) {
	kept := m.stack[:base]
	for _, f := range m.stack[base:] {
		if f.pc == undo {
			kept = append(kept, f)
		}
	}
	m.stack = kept
}

// exec runs from pc until opMatch, or until no choice above base is left.
func (m *machine) exec(pc, pos, base int) (end int, ok bool) {
	for {
		if m.steps++; m.steps > m.limit {
			return 0, false
		}
		i := &m.prog.insts[pc]
		ok := true
		switch i.op {
		case opMatch:
			if !m.whole || pc != len(m.prog.insts)-1 || pos == len(m.text) {
				return pos, true
			}
			ok = false
		case opSplit:
			m.stack = append(m.stack, frame{i.y, pos, -1})
			pc = i.x - 1
		case opJump:
			pc = i.x - 1
		case opMark:
			m.set(i.x, pos)
		case opZero:
			m.set(i.x, 0)
		case opCapture:
			m.set(2*i.x, m.regs[i.y])
			m.set(2*i.x+1, pos)
		case opIterate:
			m.set(i.x, m.regs[i.x]+1)
			m.set(i.y, pos)
		case opLoop:
			pc = m.loop(i, pc, pos) - 1
		case opRun:
			pos, ok = m.take(i, pc, pos)
		case opAtomic:
			inner := len(m.stack)
			if pos, ok = m.exec(pc+1, pos, inner); ok {
				m.cut(inner)
				pc = i.y - 1
			}
		case opLook:
			if ok = m.look(i, pc, pos); ok {
				pc = i.y - 1
			}
		default:
			pos, ok = m.simple(i, pos)
		}
		pc++
		if !ok {
			if pc, pos, ok = m.back(base); !ok {
				return 0, false
			}
		}
	}
}

// loop decides at the head of a loop whether to go round again (the
// instruction behind it) or on. An iteration that matched nothing is the last.
func (m *machine) loop(i *inst, pc, pos int) int {
	n := m.regs[i.x]
	empty := n > 0 && m.regs[i.y] == pos
	switch {
	case empty || i.max >= 0 && n >= i.max:
		return i.exit
	case n < i.min:
		return pc + 1
	case i.mode == lazy:
		m.stack = append(m.stack, frame{pc + 1, pos, -1})
		return i.exit
	}
	m.stack = append(m.stack, frame{i.exit, pos, -1})
	return pc + 1
}

// take takes a run of characters of one set, and leaves the choice to give them
// back one by one.
func (m *machine) take(i *inst, pc, pos int) (int, bool) {
	low := pos
	n := 0
	for ; i.max < 0 || n < i.max; n++ {
		if n == i.min {
			low = pos
		}
		r, size := utf8.DecodeRuneInString(m.text[pos:])
		if m.steps++; size == 0 || m.steps > m.limit || !i.set.has(r) {
			break
		}
		pos += size
	}
	if n < i.min {
		return pos, false
	}
	if n == i.min {
		low = pos
	}
	if i.mode == greedy && low < pos {
		_, size := utf8.DecodeLastRuneInString(m.text[:pos])
		m.stack = append(m.stack, frame{pc + 1, pos - size, low})
	}
	return pos, true
}

func (m *machine) look(i *inst, pc, pos int) bool {
	inner := len(m.stack)
	found := false
	if !i.behind {
		_, found = m.exec(pc+1, pos, inner)
	} else {
		found = m.lookBehind(i, pc, pos)
	}
	if i.negative {
		m.cut(inner)
		m.back(inner) // only undoes what a match set
		return !found && m.steps <= m.limit
	}
	if found {
		m.cut(inner)
	}
	return found
}

// lookBehind tries starts further and further back.
func (m *machine) lookBehind(i *inst, pc, pos int) bool {
	m.set(i.x, pos)
	start := pos
	for n := 0; n <= i.max; n++ {
		if n >= i.min {
			if _, ok := m.exec(pc+1, start, len(m.stack)); ok {
				return true
			}
		}
		if start == 0 {
			return false
		}
		_, size := utf8.DecodeLastRuneInString(m.text[:start])
		start -= size
	}
	return false
}

// simple runs the instructions that neither branch nor set anything.
func (m *machine) simple(i *inst, pos int) (int, bool) {
	switch i.op {
	case opText:
		return pos + len(i.text), strings.HasPrefix(m.text[pos:], i.text)
	case opChar, opClass:
		r, size := utf8.DecodeRuneInString(m.text[pos:])
		if size == 0 {
			return pos, false
		}
		if i.op == opClass {
			return pos + size, i.set.has(r)
		}
		return pos + size, sameChar(i.r, r, i.fold)
	case opBackref:
		return m.backref(i, pos)
	case opBehindEnd:
		return pos, pos == m.regs[i.x]
	case opLastMatch:
		return pos, pos == m.last
	}
	return pos, m.holds(i, pos)
}

func (m *machine) backref(i *inst, pos int) (int, bool) {
	if i.x > m.prog.groups || m.regs[2*i.x+1] < 0 {
		return pos, false
	}
	for _, want := range m.text[m.regs[2*i.x]:m.regs[2*i.x+1]] {
		got, size := utf8.DecodeRuneInString(m.text[pos:])
		if m.steps++; size == 0 || !sameChar(want, got, i.fold) {
			return pos, false
		}
		pos += size
	}
	return pos, true
}

// holds tests an assertion about a place in the text.
func (m *machine) holds(i *inst, pos int) bool {
	before, _ := utf8.DecodeLastRuneInString(m.text[:pos])
	after, _ := utf8.DecodeRuneInString(m.text[pos:])
	atStart, atEnd := pos == 0, pos == len(m.text)
	insideCRLF := !atStart && !atEnd && before == '\r' && after == '\n' && !i.unix
	lineEnd := func(r rune) bool { return r == '\n' || !i.unix && isLineEnd(r) }
	switch i.op {
	case opTextStart:
		return atStart
	case opTextEnd:
		return atEnd
	case opTextEndOrLine:
		rest := m.text[pos:]
		return atEnd || !insideCRLF && (rest == "\r\n" && !i.unix || lineEnd(after) && len(rest) == width(m.text, pos))
	case opLineStart:
		return atStart || !atEnd && lineEnd(before) && !insideCRLF
	case opLineEnd:
		return atEnd || lineEnd(after) && !insideCRLF
	}
	boundary := !atStart && isWordAtBoundary(before) != (!atEnd && isWordAtBoundary(after)) ||
		atStart && !atEnd && isWordAtBoundary(after)
	return boundary == (i.op == opWordBoundary)
}
