// Package apitest replays conversations with the API that are written as text, against any server.
//
// A file holds exchanges, each a title, a request and the answer that must come back:
//
//	### Save an application, as spin does
//	POST /tasks
//	Content-Type: application/json
//
//	{"job": [{"type": "createApplication", "application": {"name": "shop", "email": "team@example.com"}}]}
//
//	HTTP 200
//	Content-Type: application/json
//
//	{"ref": "/tasks/{{task: ulid}}"}
//
//	### It is done
//	GET /tasks/{{task}}
//
//	HTTP 200 eventually
//
//	{"id": "{{task}}", "status": "SUCCEEDED", "...": ""}
//
// What an answer must be:
//
//   - its status; with "eventually" the request is repeated until the whole answer fits;
//   - the headers that are listed, no others are looked at;
//   - its body, as JSON when the expected one begins with {, [ or ", else as text. No body means an empty one.
//
// Numbers are compared as they are spelt. An object with the member "..." may have members that are not listed; an
// element "..." of a list stands for any elements, or none.
//
// Placeholders stand in double braces: {{name: kind}} takes what is there, if it is of that kind, and gives it a name for
// the rest of the conversation; {{kind}} only checks; {{name}} is what the name stands for. Kinds are any, text, digits,
// ulid, uuid and time (inside a text), and number, millis, bool, object, list and absent (instead of a whole JSON value,
// or, for absent, of a header). In requests, {{10 times x}} is xxxxxxxxxx.
//
// Lines before the first title are comments, and so are lines that begin with # between a title and its request.
package apitest
