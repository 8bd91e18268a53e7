package spinnaker

import (
	"bytes"
	"encoding"
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"
)

// reader reads JSON in one pass: encoding/json goes over a text once to check it, and again at each level whose type reads
// itself. What the reader takes, it reads as encoding/json would; where it stops, encoding/json says what is wrong.
type reader struct {
	text  []byte
	at    int
	depth int
}

// maxDepth is how deep encoding/json lets objects and lists be nested.
const maxDepth = 10000

// readWhole reads a text that is one value into what v points to, and says whether it could. If not, v may hold a part.
func readWhole(text []byte, v any) bool {
	pointer := reflect.ValueOf(v)
	if pointer.Kind() != reflect.Pointer || pointer.IsNil() || !readable(pointer.Type().Elem()) {
		return false
	}
	r := reader{text: text}
	return r.into(pointer.Elem()) && r.ended()
}

// readable says whether the reader knows a type.
func readable(t reflect.Type) bool {
	pointer := reflect.PointerTo(t)
	if pointer.Implements(reflect.TypeFor[json.Unmarshaler]()) {
		return t.Kind() == reflect.Struct
	}
	if pointer.Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) || t == reflect.TypeFor[json.Number]() {
		return false
	}
	switch t.Kind() {
	case reflect.Struct:
		return structs[t] != nil
	case reflect.Pointer, reflect.Slice:
		return readable(t.Elem())
	case reflect.Map:
		return t.Key() == reflect.TypeFor[string]() && t.Elem() == reflect.TypeFor[any]()
	case reflect.Interface:
		return t.NumMethod() == 0
	case reflect.String, reflect.Bool, reflect.Int, reflect.Int64:
		return true
	default:
		return false
	}
}

// structs are the structs that the reader and Encode know.
var structs = addStructs(map[reflect.Type]*structure{}, reflect.TypeFor[Execution]())

// structure is how a struct stands in JSON.
type structure struct {
	members []member
	fields  map[string]int
	// extra is the field that holds the unknown members, -1 without one.
	extra int
}

// member is the member of an object that a field stands for.
type member struct {
	name      string
	field     int
	omitEmpty bool
}

func addStructs(to map[reflect.Type]*structure, t reflect.Type) map[reflect.Type]*structure {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice:
		return addStructs(to, t.Elem())
	case reflect.Struct:
		s := &structure{fields: map[string]int{}, extra: -1}
		to[t] = s
		for i := range t.NumField() {
			name, isMember := memberName(t.Field(i))
			if !isMember {
				s.extra = i
				continue
			}
			s.members = append(s.members, member{name, i, strings.HasSuffix(t.Field(i).Tag.Get("json"), ",omitempty")})
			s.fields[name] = i
			addStructs(to, t.Field(i).Type)
		}
	}
	return to
}

// into reads a value into v, over what is there.
func (r *reader) into(v reflect.Value) bool {
	next := r.peek()
	if v.Kind() == reflect.Struct && structs[v.Type()] == nil {
		raw, ok := r.raw()
		return ok && v.Addr().Interface().(json.Unmarshaler).UnmarshalJSON(raw) == nil
	}
	if next == 'n' {
		switch v.Kind() {
		case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Interface:
			v.SetZero()
		}
		return r.word("null")
	}
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		return r.into(v.Elem())
	case reflect.Struct:
		return r.structure(v, structs[v.Type()])
	case reflect.Slice:
		return r.slice(v)
	case reflect.Map:
		if v.IsNil() {
			v.Set(reflect.MakeMap(v.Type()))
		}
		object := v.Convert(reflect.TypeFor[map[string]any]()).Interface().(map[string]any)
		return r.object(object)
	case reflect.Interface:
		if v.Elem().Kind() == reflect.Pointer {
			return false // encoding/json reads into what it points to
		}
		value, ok := r.value()
		if ok {
			v.Set(reflect.ValueOf(value))
		}
		return ok
	case reflect.String:
		text, ok := r.string()
		v.SetString(string(text))
		return ok
	case reflect.Bool:
		v.SetBool(next == 't')
		return r.word("true") || r.word("false")
	default:
		number, _ := r.number()
		n, err := strconv.ParseInt(string(number), 10, v.Type().Bits())
		v.SetInt(n)
		return err == nil
	}
}

func (r *reader) structure(v reflect.Value, s *structure) bool {
	var others map[string]any
	ok := r.members(func(name []byte) bool {
		i, known := s.fields[string(name)]
		if known {
			return r.into(v.Field(i))
		}
		start := r.at
		for _, m := range s.members { // encoding/json ignores case
			if strings.EqualFold(m.name, string(name)) {
				if !r.into(v.Field(m.field)) {
					return false
				}
				r.at = start
				break
			}
		}
		if s.extra < 0 {
			return r.pass()
		}
		if others == nil {
			others = map[string]any{}
		}
		value, ok := r.value()
		others[string(name)] = value
		return ok
	})
	if others != nil {
		v.Field(s.extra).Set(reflect.ValueOf(others))
	}
	return ok
}

// slice reads over the elements that are there, as encoding/json does.
func (r *reader) slice(v reflect.Value) bool {
	n := 0
	ok := r.peek() == '[' && r.items(']', func() bool {
		if n >= v.Cap() {
			v.Grow(1)
		}
		v.SetLen(max(v.Len(), n+1))
		n++
		return r.into(v.Index(n - 1))
	})
	if n == 0 {
		v.Set(reflect.MakeSlice(v.Type(), 0, 0))
	}
	v.SetLen(n)
	return ok
}

// rawMembers are the members of an object as they stand in a text.
func rawMembers(text []byte) (map[string]json.RawMessage, bool) {
	r, object := reader{text: text}, map[string]json.RawMessage{}
	ok := r.members(func(name []byte) bool {
		raw, ok := r.raw()
		object[string(name)] = raw
		return ok
	})
	return object, ok && r.ended()
}

// raw passes over any value and returns it as it stands in the text.
func (r *reader) raw() (json.RawMessage, bool) {
	r.peek()
	start := r.at
	ok := r.pass()
	return r.text[start:r.at], ok
}

func (r *reader) pass() bool {
	switch r.peek() {
	case '{':
		return r.members(func([]byte) bool { return r.pass() })
	case '[':
		return r.items(']', r.pass)
	case '"':
		_, ok := r.string()
		return ok
	default:
		_, ok := r.value()
		return ok
	}
}

// value reads any value.
func (r *reader) value() (any, bool) {
	switch r.peek() {
	case '{':
		object := map[string]any{}
		return object, r.object(object)
	case '[':
		list := []any{}
		ok := r.items(']', func() bool {
			item, ok := r.value()
			list = append(list, item)
			return ok
		})
		return list, ok
	case '"':
		text, ok := r.string()
		return string(text), ok
	case 't':
		return true, r.word("true")
	case 'f':
		return false, r.word("false")
	case 'n':
		return nil, r.word("null")
	default:
		number, ok := r.number()
		return json.Number(number), ok
	}
}

func (r *reader) object(into map[string]any) bool {
	return r.members(func(name []byte) bool {
		value, ok := r.value()
		into[string(name)] = value
		return ok
	})
}

// members reads an object, each value by a function that gets its name.
func (r *reader) members(value func(name []byte) bool) bool {
	return r.peek() == '{' && r.items('}', func() bool {
		name, ok := r.string()
		if !ok || r.peek() != ':' {
			return false
		}
		r.at++
		return value(name)
	})
}

// items reads what is between brackets, each item by a function.
func (r *reader) items(closing byte, item func() bool) bool {
	r.at++
	if r.depth++; r.depth > maxDepth {
		return false
	}
	for more := r.peek() != closing; more; {
		if !item() {
			return false
		}
		switch r.peek() {
		case ',':
			r.at++
		case closing:
			more = false
		default:
			return false
		}
	}
	r.at++
	r.depth--
	return true
}

// string reads a text. What it returns may be a part of what is read.
func (r *reader) string() ([]byte, bool) {
	if r.peek() != '"' {
		return nil, false
	}
	text, ascii, escaped, plain := r.text[r.at+1:], true, false, true
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			start := r.at
			r.at += i + 2
			if !plain || !ascii && !utf8.Valid(text[:i]) {
				var decoded string
				err := json.Unmarshal(r.text[start:r.at], &decoded)
				return []byte(decoded), err == nil
			}
			if escaped {
				return unescaped(text[:i]), true
			}
			return text[:i], true
		case c == '\\':
			if i++; i == len(text) {
				return nil, false
			}
			escaped = true
			plain = plain && escapes[text[i]] != 0
		case c < ' ':
			return nil, false
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	return nil, false
}

// escapes are what may follow a backslash, but for the codes of characters.
var escapes = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

func unescaped(text []byte) []byte {
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c == '\\' {
			i++
			c = escapes[text[i]]
		}
		out = append(out, c)
	}
	return out
}

// number reads a number.
func (r *reader) number() ([]byte, bool) {
	r.peek()
	start := r.at
	r.skip("-")
	if whole := r.at; r.digits() == 0 || r.text[whole] == '0' && r.at > whole+1 {
		return nil, false
	}
	if r.skip(".") && r.digits() == 0 {
		return nil, false
	}
	if r.skip("eE") {
		r.skip("+-")
		if r.digits() == 0 {
			return nil, false
		}
	}
	return r.text[start:r.at], true
}

func isNumber(text json.Number) bool {
	r := reader{text: []byte(text)}
	number, ok := r.number()
	return ok && len(number) == len(text)
}

// skip takes the next byte if it is one of some.
func (r *reader) skip(some string) bool {
	if r.at == len(r.text) || strings.IndexByte(some, r.text[r.at]) < 0 {
		return false
	}
	r.at++
	return true
}

// digits takes the digits that come next and counts them.
func (r *reader) digits() int {
	start := r.at
	for r.at < len(r.text) && r.text[r.at] >= '0' && r.text[r.at] <= '9' {
		r.at++
	}
	return r.at - start
}

// word takes a word if it comes next.
func (r *reader) word(word string) bool {
	if !bytes.HasPrefix(r.text[r.at:], []byte(word)) {
		return false
	}
	r.at += len(word)
	return true
}

// ended says whether nothing but white space follows.
func (r *reader) ended() bool { return r.peek() == 0 && r.at == len(r.text) }

// peek is the next byte that is no white space, 0 at the end.
func (r *reader) peek() byte {
	for ; r.at < len(r.text); r.at++ {
		switch c := r.text[r.at]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}
