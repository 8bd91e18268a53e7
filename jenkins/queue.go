package jenkins

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"
)

// QueueItem is a build that was asked for, on its way to start.
type QueueItem struct {
	ID        int64
	Why       string // why it waits, in Jenkins' words; empty once it left the queue
	Cancelled bool
	Build     int       // number of the build it became; 0 while there is none
	Since     time.Time // when it entered the queue
	Params    string    // "NAME=value" lines; values of passwords are masked by Jenkins
	TaskURL   string    // of the job; for comparing only
}

const queueFields = "id,why,cancelled,inQueueSince,params,task[url],executable[number]"

type wireQueueItem struct {
	ID         int64   `json:"id"`
	Why        *string `json:"why"`
	Cancelled  bool    `json:"cancelled"`
	Since      int64   `json:"inQueueSince"`
	Params     string  `json:"params"`
	Executable *struct {
		Number int `json:"number"`
	} `json:"executable"`
	Task struct {
		URL string `json:"url"`
	} `json:"task"`
}

// QueueItem reads a queue item. Jenkins forgets an item about five minutes
// after its build started, and at a restart: then the error is of
// KindNotFound and [Client.BuildOfQueueItem] finds the build.
func (c *Client) QueueItem(ctx context.Context, id int64) (QueueItem, error) {
	about := call{op: "read queue item " + strconv.FormatInt(id, 10)}
	answer, _, err := get[wireQueueItem](ctx, c, about, fmt.Sprintf("/queue/item/%d/", id), queueFields)
	if err != nil {
		return QueueItem{}, notInQueue(err, id, c.name)
	}
	return answer.item(), nil
}

// Queue lists the items that have not left the queue. A fresh item may be
// missing for a moment.
func (c *Client) Queue(ctx context.Context) ([]QueueItem, error) {
	answer, _, err := get[struct {
		Items []wireQueueItem `json:"items"`
	}](ctx, c, call{op: "list the queue"}, "/queue/", "items["+queueFields+"]")
	if err != nil {
		return nil, err
	}
	items := make([]QueueItem, 0, len(answer.Items))
	for _, item := range answer.Items {
		items = append(items, item.item())
	}
	return items, nil
}

func (w wireQueueItem) item() QueueItem {
	item := QueueItem{ID: w.ID, Cancelled: w.Cancelled, Since: atMillis(w.Since), Params: w.Params, TaskURL: w.Task.URL}
	if w.Why != nil {
		item.Why = *w.Why
	}
	if w.Executable != nil {
		item.Build = w.Executable.Number
	}
	return item
}

// notInQueue says so in the words of spinnaker/spinnaker igor BuildController.
func notInQueue(err error, id int64, master string) error {
	var e *Error
	if errors.As(err, &e) && e.Kind == KindNotFound {
		e.Reason = fmt.Sprintf("Queued job '%d' not found for master '%s'.", id, master)
	}
	return err
}

// BuildOfQueueItem looks among a job's newest builds for the one that came from
// a queue item; ok is false when none did.
func (c *Client) BuildOfQueueItem(ctx context.Context, job string, id int64) (run Run, ok bool, err error) {
	const newest = 20
	history, err := c.Builds(ctx, job, 0, newest)
	if err != nil {
		return Run{}, false, err
	}
	for _, run := range history.Runs {
		if run.QueueID == id {
			return run, true, nil
		}
	}
	return Run{}, false, nil
}

// CancelQueueItem takes an item out of the queue. An item that left the queue
// already is no error.
func (c *Client) CancelQueueItem(ctx context.Context, id int64) error {
	about := call{op: "cancel queue item " + strconv.FormatInt(id, 10)}
	_, err := c.post(ctx, about, "/queue/cancelItem", url.Values{"id": {strconv.FormatInt(id, 10)}})
	if KindOf(err) == KindNotFound {
		return nil
	}
	return err
}
