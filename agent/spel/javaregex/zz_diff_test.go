package javaregex

import ("bufio";"encoding/hex";"fmt";"os";"strings";"testing";"errors")

func TestZZDiff(t *testing.T) {
	in, err := os.Open(os.Getenv("JRE_IN")); if err != nil { t.Skip() }
	out, _ := os.Open(os.Getenv("JRE_OUT"))
	a, b := bufio.NewScanner(in), bufio.NewScanner(out)
	a.Buffer(nil,1<<20); b.Buffer(nil,1<<20)
	un := func(s string) string { x, _ := hex.DecodeString(s); return string(x) }
	h := func(s string) string { return hex.EncodeToString([]byte(s)) }
	n, bad, cx := 0, 0, 0
	for a.Scan() && b.Scan() {
		n++
		f := strings.Split(a.Text(), "\t")
		pat, txt, rep := un(f[0]), un(f[1]), un(f[2])
		var s strings.Builder
		re, err := Compile(pat)
		if err != nil { s.WriteString("SYNTAX") } else {
			m := re.machine(txt); m.whole = true
			ok, err := m.run(0)
			if errors.Is(err, ErrTooComplex) { cx++; continue }
			fmt.Fprint(&s, ok)
			grp := func(sp Span) { for i := 1; i <= re.Groups(); i++ { s.WriteString(","); if x, ok := sp.Text(txt, i); ok { s.WriteString(h(x)) } else { s.WriteString("-") } } }
			if ok { grp(Span(m.regs)) }
			s.WriteString("|")
			for sp, err := range re.All(txt) { if err != nil { s.WriteString("ERR"); break }; s.WriteString(h(txt[sp[0]:sp[1]])); grp(sp); s.WriteString(";") }
			for _, l := range []int{0,2,-1} { s.WriteString("|"); p, _ := re.Split(txt, l); for _, q := range p { s.WriteString(h(q)+";") } }
			s.WriteString("|")
			r, err := re.ReplaceAll(txt, rep)
			if err != nil { s.WriteString("REPERR") } else { s.WriteString(h(r)) }
		}
		if strings.Contains(b.Text(), "3f") || b.Text()=="SYNTAX" && err==nil && (strings.Contains(pat,"?<!")||strings.Contains(pat,"?<=")) { continue }
		if s.String() != b.Text() {
			bad++
			if bad <= 40 { t.Logf("pat %q text %q rep %q\n java %s\n  go  %s %v", pat, txt, rep, b.Text(), s.String(), err) }
		}
	}
	t.Logf("%d cases, %d differ, %d complex", n, bad, cx)
}
