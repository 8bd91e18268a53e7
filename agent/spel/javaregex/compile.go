package javaregex

import (
	"strings"
)

// opcode is one kind of instruction of the matcher.
type opcode uint8

const (
	opMatch          opcode = iota // the pattern, or the inside of a look-around or atomic group, matched
	opText                         // exactly text
	opChar                         // r, up to case
	opClass                        // a character of set
	opRun                          // min to max characters of set
	opSplit                        // try x, then y
	opJump                         // go to x
	opMark                         // remember the position in register x
	opCapture                      // group x began at register y and ends here
	opZero                         // set register x to 0
	opLoop                         // go round a body again, or go on
	opIterate                      // go round a lazy loop again
	opAtomic                       // match the following up to opMatch for good, then go to y
	opLook                         // look ahead or behind, then go to y
	opBehindEnd                    // a look-behind must end where it was asked: register x
	opBackref                      // the text of group x again
	opTextStart                    // \A and ^
	opTextEnd                      // \z
	opTextEndOrLine                // \Z and $: the end, or before a final line end
	opLineStart                    // ^ under (?m)
	opLineEnd                      // $ under (?m)
	opWordBoundary                 // \b
	opNoWordBoundary               // \B
	opLastMatch                    // \G
)

// inst is one instruction. Which fields count depends on op.
type inst struct {
	op       opcode
	x, y     int
	exit     int // where a loop goes on
	min, max int
	mode     greed
	fold     folding
	r        rune
	set      *charset
	text     string
	behind   bool
	negative bool
	unix     bool
}

// program is a compiled pattern.
type program struct {
	insts  []inst
	groups int // without group 0
	names  map[string]int
	regs   int // registers: two for each group, then counters and marks
}

// maxProgram bounds the instructions of a pattern.
const maxProgram = 20_000

type compiler struct{ program }

func compile(pattern string, t tree, groups groupInfo) (*program, error) {
	c := &compiler{program{groups: groups.count, names: groups.names, regs: 2 * (groups.count + 1)}}
	c.emit(t)
	c.add(inst{op: opMatch})
	if len(c.insts) > maxProgram {
		return nil, &SyntaxError{Pattern: pattern, Message: "the pattern is too large"}
	}
	return &c.program, nil
}

func (c *compiler) add(i inst) int {
	c.insts = append(c.insts, i)
	return len(c.insts) - 1
}

func (c *compiler) register() int {
	c.regs++
	return c.regs - 1
}

func (c *compiler) emit(t tree) {
	switch t := t.(type) {
	case literal:
		c.literals([]literal{t})
	case class:
		c.add(inst{op: opClass, set: t.set})
	case concat:
		c.concat(t)
	case choice:
		c.choice(t)
	case group:
		mark := c.register()
		c.add(inst{op: opMark, x: mark})
		c.emit(t.body)
		c.add(inst{op: opCapture, x: t.index, y: mark})
	case repeat:
		c.repeat(t)
	case atomic:
		c.enclosed(inst{op: opAtomic}, t.body)
	case look:
		c.look(t)
	case backref:
		c.add(inst{op: opBackref, x: t.index, fold: t.fold})
	case assertion:
		c.add(inst{op: t.op, unix: t.unix})
	}
}

// concat joins neighbouring exact characters into one instruction.
func (c *compiler) concat(all concat) {
	var pending []literal
	for _, t := range all {
		if l, ok := t.(literal); ok {
			pending = append(pending, l)
			continue
		}
		c.literals(pending)
		pending = nil
		c.emit(t)
	}
	c.literals(pending)
}

func (c *compiler) literals(all []literal) {
	var text strings.Builder
	flush := func() {
		if text.Len() > 0 {
			c.add(inst{op: opText, text: text.String()})
			text.Reset()
		}
	}
	for _, l := range all {
		if l.fold == exact {
			text.WriteRune(l.r)
			continue
		}
		flush()
		c.add(inst{op: opChar, r: l.r, fold: l.fold})
	}
	flush()
}

func (c *compiler) choice(all choice) {
	var ends []int
	for _, t := range all[:len(all)-1] {
		split := c.add(inst{op: opSplit})
		c.insts[split].x = len(c.insts)
		c.emit(t)
		ends = append(ends, c.add(inst{op: opJump}))
		c.insts[split].y = len(c.insts)
	}
	c.emit(all[len(all)-1])
	for _, jump := range ends {
		c.insts[jump].x = len(c.insts)
	}
}

func (c *compiler) repeat(r repeat) {
	if set := single(r.body); set != nil && r.mode != lazy {
		c.add(inst{op: opRun, set: set, min: r.min, max: r.max, mode: r.mode})
		return
	}
	if r.mode == possessive {
		r.mode = greedy
		c.enclosed(inst{op: opAtomic}, r)
		return
	}
	counter, mark := c.register(), c.register()
	c.add(inst{op: opZero, x: counter})
	loop := c.add(inst{op: opLoop, x: counter, y: mark, min: r.min, max: r.max, mode: r.mode})
	c.add(inst{op: opIterate, x: counter, y: mark})
	c.emit(r.body)
	c.add(inst{op: opJump, x: loop})
	c.insts[loop].exit = len(c.insts)
}

// single is the set of characters that a tree of one character matches.
func single(t tree) *charset {
	switch t := t.(type) {
	case class:
		return t.set
	case literal:
		return newCharset(func(r rune) bool { return t.matches(r) })
	}
	return nil
}

func (l literal) matches(r rune) bool { return sameChar(l.r, r, l.fold) }

func sameChar(a, b rune, fold folding) bool {
	switch {
	case a == b:
		return true
	case fold == foldASCII:
		return a < 0x80 && b < 0x80 && asciiFold(a) == b
	case fold == foldUnicode:
		return fullFold(a) == fullFold(b)
	}
	return false
}

// enclosed compiles a body that runs by itself.
func (c *compiler) enclosed(i inst, body tree) {
	at := c.add(i)
	c.emit(body)
	if i.behind {
		c.add(inst{op: opBehindEnd, x: i.x})
	}
	c.add(inst{op: opMatch})
	c.insts[at].y = len(c.insts)
}

func (c *compiler) look(l look) {
	i := inst{op: opLook, behind: l.behind, negative: l.negative}
	if l.behind {
		i.x = c.register()
		b := l.body.length()
		i.min, i.max = b.min, b.max
	}
	c.enclosed(i, l.body)
}
