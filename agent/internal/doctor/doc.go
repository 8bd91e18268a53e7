// Package doctor looks at an agent's parts from the outside and says what is wrong, why it matters and what to do. It changes
// nothing.
package doctor
