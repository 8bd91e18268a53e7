package jsonpath

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// call is a function of what a path gives, and of further arguments.
type call struct {
	function string
	of       Path
	args     []argument
}

// argument is a path, or the text or number that it stands for itself.
type argument struct {
	path    *Path
	literal any
}

// functions are those that there are.
var functions = [...]string{"concat", "length", "size", "first", "last", "sum", "avg", "min", "max"}

// maxArguments bounds how often a function repeats a document.
const maxArguments = 20

// parseCall reads a path that ends with a function: "$.items.length()", or `concat("https://x/", $.id)`.
func parseCall(text string) (Path, error) {
	unreadable := fmt.Errorf("%q is no JSONPath: expected one that ends with .FUNCTION(ARGUMENTS)", text)
	open, _ := next(text, '(')
	if open == len(text) {
		return Path{}, unreadable
	}
	written, inner := text[:open], strings.TrimSpace(text[open+1:len(text)-1])
	of, name := "$", written
	if dot := strings.LastIndexByte(written, '.'); dot >= 0 {
		of, name = written[:dot], written[dot+1:]
	}
	if !slices.Contains(functions[:], name) {
		return Path{}, fmt.Errorf("%q: found the function %q, expected one of %s", text, name, strings.Join(functions[:], ", "))
	}
	c := &call{function: name}
	p := Path{text: text, call: c}
	var err error
	if c.of, err = Parse(of); err != nil {
		return Path{}, err
	}
	p.compares = c.of.compares
	for more := inner != ""; more; {
		end, whole := next(inner, ',')
		if !whole {
			return Path{}, unreadable
		}
		arg, err := parseArgument(strings.TrimSpace(inner[:end]))
		if err != nil {
			return Path{}, err
		}
		p.compares = p.compares || arg.path != nil && arg.path.compares
		if c.args = append(c.args, arg); len(c.args) > maxArguments {
			return Path{}, fmt.Errorf("%q: a function has at most %d arguments", text, maxArguments)
		}
		if more = end < len(inner); more {
			inner = inner[end+1:]
		}
	}
	return p, nil
}

func parseArgument(text string) (argument, error) {
	if text == "" {
		return argument{}, errors.New("an argument of the JSONPath's function is missing")
	}
	if strings.HasPrefix(text, "'") && strings.HasSuffix(text, "'") && len(text) > 1 {
		return argument{literal: text[1 : len(text)-1]}, nil
	}
	if strings.HasPrefix(text, `"`) {
		var literal string
		if err := json.Unmarshal([]byte(text), &literal); err != nil {
			return argument{}, fmt.Errorf("the argument %s is no text: %w", text, err)
		}
		return argument{literal: literal}, nil
	}
	if _, err := strconv.ParseFloat(text, 64); err == nil {
		return argument{literal: json.Number(text)}, nil
	}
	path, err := Parse(text)
	return argument{path: &path}, err
}

// next is where the next of a separator is that is outside of quotes and brackets; the text's end when there is none. whole
// says that all of those are closed there.
func next(text string, separator byte) (at int, whole bool) {
	depth, quote := 0, byte(0)
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case quote != 0 && c == '\\':
			i++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == separator && depth == 0:
			return i, true
		case c == '\'' || c == '"':
			quote = c
		case c == '[' || c == '(':
			depth++
		case c == ']' || c == ')':
			depth--
		}
	}
	return len(text), quote == 0 && depth == 0
}

// read gives the function's value.
func (c *call) read(document any) (value any, found bool) {
	model, found := c.of.Read(document)
	if !found {
		return nil, false
	}
	list, isList := model.([]any)
	args := slices.Clone(list)
	for _, arg := range c.args {
		given := arg.literal
		if arg.path != nil {
			if given, found = arg.path.Read(document); !found {
				return nil, false
			}
		}
		if several, isList := given.([]any); isList {
			args = append(args, several...)
		} else {
			args = append(args, given)
		}
	}
	switch c.function {
	case "concat":
		return concatenated(args), true
	case "length", "size":
		return length(model)
	case "first", "last":
		if !isList || len(list) == 0 {
			return nil, false
		}
		if c.function == "first" {
			return list[0], true
		}
		return list[len(list)-1], true
	default:
		return aggregated(c.function, args)
	}
}

func concatenated(values []any) string {
	var out strings.Builder
	for _, value := range values {
		switch value.(type) {
		case nil, map[string]any, []any:
		default:
			fmt.Fprint(&out, value)
		}
	}
	return out.String()
}

func length(of any) (value any, found bool) {
	switch v := of.(type) {
	case []any:
		return json.Number(strconv.Itoa(len(v))), true
	case map[string]any:
		return json.Number(strconv.Itoa(len(v))), true
	default:
		return nil, false
	}
}

// aggregated is the sum, average, minimum or maximum of the numbers among some values.
func aggregated(how string, values []any) (value any, found bool) {
	var numbers []float64
	sum := 0.0
	for _, value := range values {
		switch value.(type) {
		case json.Number, int64, float64:
			if n, err := strconv.ParseFloat(fmt.Sprint(value), 64); err == nil {
				numbers = append(numbers, n)
				sum += n
			}
		}
	}
	if len(numbers) == 0 {
		return nil, false
	}
	result := sum
	switch how {
	case "avg":
		result = sum / float64(len(numbers))
	case "min":
		result = slices.Min(numbers)
	case "max":
		result = slices.Max(numbers)
	}
	return json.Number(strconv.FormatFloat(result, 'f', -1, 64)), true
}
