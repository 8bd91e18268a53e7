package inbox

import (
	"errors"

	"github.com/gennaker/gennaker/agent/internal/store"
	"github.com/gennaker/gennaker/agent/internal/trigger"
)

// PassOver makes an event durable that is to start nothing, inside a transaction of the caller. Every trigger that could
// have meant it gets the reason as its verdict. An event of that key that is there already stays what it is.
func (i *Inbox) PassOver(tx store.Tx, event trigger.Event, key, reason string) error {
	event.ID = ""
	kept, err := i.write(event)
	if err != nil {
		return err
	}
	armed, first, err := i.keep(tx, kept, key)
	if errors.Is(err, store.ErrExists) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, a := range armed {
		row := verdict(tx, kept.ID, a)
		row.Reason = reason
		if err := first.put(row); err != nil {
			return err
		}
	}
	return first.end()
}
