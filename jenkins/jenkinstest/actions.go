package jenkinstest

import (
	"fmt"
	"html"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// needPost refuses anything but POST.
func (q *request) needPost(text string) (answer, bool) {
	if q.Method == http.MethodPost {
		return answer{}, false
	}
	a := q.s.styled(http.StatusMethodNotAllowed, text)
	a.header.Set("Allow", "POST")
	return a, true
}

const postToBuild = "You must use POST method to trigger builds. (From scripts you may instead pass a per-project authentication token, or authenticate with your API token.) If you see this page, it may be because a plugin offered a GET link; file a bug report for that plugin."

// jobAction changes a job or starts it.
func (q *request) jobAction(it *item, action string) answer {
	switch action {
	case "build", "buildWithParameters", "polling":
		return q.start(it, action)
	case "doDelete", "confirmRename", "disable", "enable":
		return q.configure(it, action)
	default:
		return q.notFound()
	}
}

func (q *request) configure(it *item, action string) answer {
	if a, refused := q.needPost("Method Not Allowed"); refused {
		return a
	}
	if !q.s.may(q.who, Administer, it) {
		return q.s.missing(q.who, Administer)
	}
	switch action {
	case "doDelete":
		it.remove()
		return q.s.redirect(q.Request, http.StatusFound, it.parent.path())
	case "confirmRename":
		name := q.FormValue("newName")
		if name == "" || it.parent.child(name) != nil {
			return q.s.container(q.Request, http.StatusBadRequest, "")
		}
		it.rename(name)
	case "disable", "enable":
		it.disabled = action == "disable"
	}
	return q.s.redirect(q.Request, http.StatusFound, it.path())
}

// start asks for a build.
func (q *request) start(it *item, action string) answer {
	if a, refused := q.needPost(postToBuild); refused {
		return a
	}
	if !q.s.may(q.who, JobBuild, it) {
		return q.s.missing(q.who, JobBuild)
	}
	if it.disabled {
		if q.s.since(579) {
			return q.s.styled(http.StatusConflict, html.EscapeString(it.fullName())+" is not buildable")
		}
		return q.s.oops(http.StatusConflict)
	}
	delay := q.s.opts.QuietPeriod
	if text := q.FormValue("delay"); text != "" {
		seconds, err := strconv.Atoi(strings.TrimSuffix(text, "sec"))
		if err != nil {
			return q.s.oops(http.StatusInternalServerError)
		}
		delay = time.Duration(seconds) * time.Second
	}
	if action == "buildWithParameters" {
		return q.startWith(it, delay)
	}
	switch {
	case q.Form.Has("json"):
		q.s.enqueue(q.now, it, nil, Cause{User: q.who.name()}, delay)
		return q.s.created(q.Request, it.path())
	case len(it.params) > 0:
		return q.s.container(q.Request, http.StatusBadRequest, "Nothing is submitted")
	}
	item, _ := q.s.enqueue(q.now, it, nil, Cause{User: q.who.name()}, delay)
	return q.s.created(q.Request, fmt.Sprintf("queue/item/%d/", item.id))
}

func (q *request) startWith(it *item, delay time.Duration) answer {
	if len(it.params) == 0 {
		if q.s.since(579) {
			return q.s.container(q.Request, http.StatusBadRequest, it.fullName()+" is not parameterized")
		}
		return q.s.oops(http.StatusInternalServerError)
	}
	values := map[string]string{}
	for _, p := range it.params {
		if !q.Form.Has(p.Name) {
			continue
		}
		value := q.FormValue(p.Name)
		switch {
		case p.Type == "Choice" && !slices.Contains(p.Choices, value):
			return q.s.oops(http.StatusInternalServerError)
		case p.Type == "Boolean":
			value = strconv.FormatBool(value == "true" || value == "on")
		}
		values[p.Name] = value
	}
	item, merged := q.s.enqueue(q.now, it, values, Cause{User: q.who.name()}, delay)
	path := fmt.Sprintf("queue/item/%d/", item.id)
	if merged {
		return q.s.redirect(q.Request, http.StatusSeeOther, path)
	}
	return q.s.created(q.Request, path)
}

// buildAction changes a build.
func (q *request) buildAction(b *Build, action string) answer {
	right := map[string]Right{
		"stop": JobCancel, "term": JobCancel, "kill": JobCancel, "submitDescription": RunUpdate, "doDelete": Administer,
	}[action]
	if right == "" {
		return q.notFound()
	}
	if a, refused := q.needPost("Method Not Allowed"); refused {
		return a
	}
	own := b.job.path() + strconv.Itoa(b.number) + "/"
	if !q.s.may(q.who, right, b.job) && (right != JobCancel || b.building()) {
		return q.s.missing(q.who, right)
	}
	switch action {
	case "stop":
		b.finish(q.now, "ABORTED")
	case "term", "kill":
		if b.job.kind == Freestyle {
			return q.s.redirect(q.Request, http.StatusFound, own+action+"/")
		}
		b.finish(q.now, "ABORTED")
		return answer{status: http.StatusOK, header: q.s.dated(header())}
	case "submitDescription":
		b.desc, b.descSet = q.FormValue("description"), true
	case "doDelete":
		b.remove()
		own = b.job.path()
	}
	return q.s.redirect(q.Request, http.StatusFound, own)
}

// queue serves /queue.
func (q *request) queue(rest []string) answer {
	switch {
	case len(rest) == 0:
		return q.notFound()
	case rest[0] == "api":
		return q.api(rest, q.queueList())
	case rest[0] == "cancelItem":
		return q.cancelItem(q.FormValue("id"))
	case rest[0] != "item" || len(rest) < 2:
		return q.notFound()
	}
	id, err := strconv.ParseInt(rest[1], 10, 64)
	if err != nil {
		return q.notFound()
	}
	if len(rest) > 2 && rest[2] == "cancelQueue" {
		return q.cancelItem(rest[1])
	}
	item := q.s.queued(id)
	if item == nil || !q.s.may(q.who, JobRead, item.job) {
		return q.notFound()
	}
	if len(rest) > 2 {
		return q.api(rest[2:], q.view.queueItem(item))
	}
	if !q.s.since(469) {
		return q.notFound()
	}
	return q.s.plain([]byte("Queue item exists. For details check, for example, " + q.URL.Path + "api/json?tree=cancelled,executable[url]"))
}

func (q *request) queueList() *object {
	var items []*queueItem
	for _, item := range slices.Backward(q.s.queue) {
		if item.state != left && q.now.Sub(item.since) >= q.s.queueLag && q.s.may(q.who, JobRead, item.job) {
			items = append(items, item)
		}
	}
	return fixed("hudson.model.Queue", "discoverableItems items", list{}, listOf(items, func(i *queueItem) any { return q.view.queueItem(i) }))
}

func (q *request) cancelItem(text string) answer {
	if a, refused := q.needPost("Method Not Allowed"); refused {
		return a
	}
	id, err := strconv.ParseInt(text, 10, 64)
	item := q.s.queued(id)
	if err != nil || item == nil {
		return q.s.oops(http.StatusNotFound)
	}
	if !q.s.may(q.who, JobCancel, item.job) {
		return q.s.missing(q.who, JobCancel)
	}
	q.s.cancel(item, q.now)
	return answer{status: http.StatusNoContent, header: q.s.dated(header())}
}

// restartTime is how long a restart by request takes.
const restartTime = 10 * time.Second

func (q *request) control(action string) answer {
	if a, refused := q.needPost("Method Not Allowed"); refused {
		return a
	}
	if !q.s.may(q.who, Administer, nil) {
		return q.s.missing(q.who, Administer)
	}
	a := q.s.redirect(q.Request, http.StatusFound, "")
	switch action {
	case "restart":
		q.s.restart(q.now, restartTime)
	default:
		q.s.quieting = action == "quietDown"
	}
	return a
}

// feed is the Atom feed of finished builds.
func (q *request) feed(latest bool) answer {
	var entries strings.Builder
	q.s.root.walk(func(job *item) {
		for _, b := range slices.Backward(job.builds) {
			if b.building() {
				continue
			}
			fmt.Fprintf(&entries, "<entry><title>%s (%s)</title><id>tag:hudson.dev.java.net,%d:%s:%d</id><published>%s</published></entry>",
				html.EscapeString(job.fullDisplay()+" "+b.displayName()), feedWord(b.result), b.started.Year(),
				html.EscapeString(job.fullName()), b.number, b.started.UTC().Format(time.RFC3339))
			if latest {
				break
			}
		}
	})
	a := q.s.html(`<?xml version="1.0" encoding="UTF-8"?><feed xmlns="http://www.w3.org/2005/Atom"><title>Jenkins:all</title>` + entries.String() + "</feed>")
	a.header.Set("Content-Type", "application/atom+xml;charset=UTF-8")
	return a
}

func feedWord(result string) string {
	switch result {
	case "SUCCESS":
		return "stable"
	case "ABORTED":
		return "aborted"
	default:
		return "broken since this build"
	}
}
