// Package wire is the transport between the agent and a stage plugin: the handshake, the choice of the contract's
// version, the start and the end of the plugin's process, and the gRPC connections in both directions.
//
// It is HashiCorp's go-plugin protocol (core version 1, gRPC, unix sockets, AutoMTLS) plus one thing: the lifeline, a
// pipe whose end of file tells the plugin that the agent is gone. A plugin in another language needs four things:
// the cookie of CookieKey and CookieValue, go-plugin's handshake line on standard output, the Stage service of
// plugins/proto/stage/v1, and to end when the file descriptor named by LifelineEnv reaches its end.
package wire
