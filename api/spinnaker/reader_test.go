package spinnaker

import (
	"encoding/json"
	"log/slog"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"
)

// readings are texts at the edges of what is JSON and of what the types take.
var readings = []string{
	``, ` `, `null`, ` null `, `nul`, `nullx`, `true`, `"x"`, `[]`, `{}`, ` { } `, `[ ]`, `[1,]`, `[,1]`, `[1 2]`, `[1`, `{"a"}`, `{"a":}`, `{"a":1,}`,
	`{,}`, `{"a":1 "b":2}`, `{a:1}`, `{"a":1}}`, `{"a":1}x`, "{}\x00", "\x00", "\ufeff{}", `{"a":1,"a":2}`,
	`[0,-0,-0.0,1.50,1e5,1E+5,1e-05,12345678901234567890,1e999]`, `[01]`, `[-]`, `[+1]`, `[1.]`, `[.5]`, `[1e]`, `[1e+]`, `[1.5.5]`, `[0x1]`, `[NaN]`,
	`[true,false,null]`, `[tru]`, `[falsey]`, `["a","\"","\\","\/\b\f\n\r\t","\u00e9\ud83d\ude00","\ud83d","\u12"]`, `["\x"]`, `["\"]`, `[{"a":"\`,
	"[\"\x00\"]", "[\"\t\"]", "[\"\x7f\"]", "[\"é\"]", "[\"\xff\"]", "{\"\xff\":1,\"é\":2,\"\\u0061\":3}", "[\"\\\xff\"]", `{"":{"":[[],{}]}}`,
	benchExecution(2), benchTrigger, benchPipeline(1),
	`{"id":"E","stages":[{"id":"S","tasks":[{"id":"1","x":[{"y":"\u0031"}]}],"x":1}],"paused":{"paused":true,"pausedMs":3},"x":{"y":1.0}}`,
	`{"stages":[{"id":"a","name":"n"},{"id":"b"}],"stages":[{"id":"c"}],"stages":[]}`, `{"stages":[null,{}]}`, `{"stages":null}`, `{"stages":{}}`, `{"stages":[1]}`,
	`{"trigger":{"a":1},"trigger":{"b":2}}`, `{"trigger":null,"notifications":null,"paused":null,"authentication":null,"canceled":null,"buildTime":null,"id":null}`,
	`{"ID":"x","Stages":[],"\u0069d":"y","pau\u017fed":{},"Extra":1,"extra":2,"-":3}`, `{"iD":[]}`, `{"id":1}`, `{"canceled":"true"}`, `{"canceled":1}`,
	`{"buildTime":1.0}`, `{"buildTime":1e3}`, `{"buildTime":"1"}`, `{"buildTime":-9223372036854775808}`, `{"buildTime":9223372036854775808}`, `{"buildTime":}`,
	`{"requisiteStageRefIds":["a",null,"b"],"requisiteStageRefIds":[null]}`, `{"requisiteStageRefIds":[1]}`, `{"context":[],"id":1}`, `{"context":{"a":{}},"context":{"b":[]}}`,
	`{"lastModified":{"user":"u","LASTMODIFIEDTIME":3}}`, `[{"id":"E"},{}]`, `[{"type":"t","kind":"k","x":1},null]`, `[{"required":"true"}]`,
}

// What the reader reads is what encoding/json would, over an empty value and over what was read before; and it stops at all
// that encoding/json refuses.
func FuzzReader(f *testing.F) {
	for i, text := range readings {
		f.Add([]byte(text), []byte(readings[(i+1)%len(readings)]))
		f.Add([]byte(text), []byte(text))
	}
	f.Fuzz(func(t *testing.T, first, second []byte) {
		sameReading[any](t, first, second, decodeAny)
		sameReading[map[string]any](t, first, second, decodeAny)
		sameReading[[]any](t, first, second, decodeAny)
		sameReading[[]Artifact](t, first, second, decodeAny)
		sameReading[[]*ExpectedArtifact](t, first, second, decodeAny)
		sameReading[[]StageConfig](t, first, second, decodeAny)
		sameReading[[]Parameter](t, first, second, decodeAny)
		sameReading[Trigger](t, first, second, decodeAny)
		sameReading[*[]string](t, first, second, decodeAny)
		sameReading[[]Execution](t, first, second, decodeAny)
		sameReading[Execution](t, first, second, func(text []byte, v any) error {
			type plain Execution
			return readSlowly(text, (*plain)(v.(*Execution)), &v.(*Execution).Extra)
		})
		sameReading[Stage](t, first, second, func(text []byte, v any) error {
			type plain Stage
			return readSlowly(text, (*plain)(v.(*Stage)), &v.(*Stage).Extra)
		})
	})
}

// What reads itself in a way of its own, and what encoding/json treats in one, is not the reader's.
func TestReadable(t *testing.T) {
	for value, want := range map[any]bool{
		new(any): true, new(Status): true, new(*[]Trigger): true, new(Millis): true, new([]*Stage): true, new(time.Time): true, new(Pipeline): true,
		new(netip.Addr): false, new([]slog.Level): false, new(json.Number): false, new(json.RawMessage): false, new([]byte): false, new(float64): false,
		new(map[string]string): false, new(map[int]any): false, new(map[Status]any): false, new(struct{}): false, new([1]any): false, new(error): false,
	} {
		if got := readable(reflect.TypeOf(value).Elem()); got != want {
			t.Errorf("%T: readable: %v, want %v", value, got, want)
		}
	}
	if readWhole([]byte(`{}`), nil) || readWhole([]byte(`{}`), Execution{}) || readWhole([]byte(`{}`), (*Execution)(nil)) {
		t.Error("read into what is no pointer to a value")
	}
	inner := 0
	var outer any = &inner
	if err := Decode([]byte(`3`), &outer); err != nil || inner != 3 {
		t.Errorf("into a pointer in an any: %v, %v", inner, err)
	}
}

// Whoever adds a field to an execution sees here when it cannot be read or written in one pass.
func TestStructs(t *testing.T) {
	for known, s := range structs {
		own := reflect.PointerTo(known).Implements(reflect.TypeFor[json.Unmarshaler]())
		if want := known == reflect.TypeFor[Execution]() || known == reflect.TypeFor[Stage](); own != want || s.extra >= 0 != want {
			t.Errorf("%v reads itself: %v, and has a field for unknown members: %v; want %v", known, own, s.extra >= 0, want)
		}
		for name, i := range s.fields {
			field := known.Field(i)
			if tag := field.Tag.Get("json"); name == "" || tag != name && tag != name+",omitempty" {
				t.Errorf("%v: the tag of %s is %q, expected a name, with omitempty or nothing", known, field.Name, tag)
			}
			if !readable(field.Type) {
				t.Errorf("%v: the reader does not know the type of %s, %v", known, name, field.Type)
			}
		}
	}
}

// The reader goes as deep as encoding/json.
func TestReaderDepth(t *testing.T) {
	for _, depth := range []int{maxDepth - 1, maxDepth, maxDepth + 1} {
		sameReading[any](t, []byte(strings.Repeat("[", depth)+strings.Repeat("]", depth)), nil, decodeAny)
		sameReading[any](t, []byte(strings.Repeat(`{"a":`, depth)+`0`+strings.Repeat("}", depth)), nil, decodeAny)
		sameReading[any](t, []byte(strings.Repeat("[[],", depth)+`0`+strings.Repeat("]", depth)), nil, decodeAny)
	}
}

func decodeAny(text []byte, v any) error { return decodeSlowly(text, v) }

// sameReading compares the reader with encoding/json.
func sameReading[T any](t *testing.T, first, second []byte, slowly func([]byte, any) error) {
	t.Helper()
	var fast, slow T
	if !readable(reflect.TypeFor[T]()) {
		t.Fatalf("%T is not readable", fast)
	}
	for _, text := range [][]byte{first, second} {
		ok, err := readWhole(text, &fast), slowly(text, &slow)
		if ok != (err == nil) {
			t.Fatalf("%T: %.200q is read: %v, by encoding/json: %v", fast, text, ok, err)
		}
		if !ok {
			return
		}
		if !reflect.DeepEqual(fast, slow) {
			t.Fatalf("%.200q is read as\n%+v\nby encoding/json as\n%+v", text, fast, slow)
		}
	}
}
