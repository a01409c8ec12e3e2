package submission

import "context"

type messageKey struct{}

// WithMessageID names the message that is about to be sent, so that the intent and the message that carries it bear one identifier.
func WithMessageID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, messageKey{}, id)
}

// MessageID is what WithMessageID put into ctx, "" for nothing.
func MessageID(ctx context.Context) string {
	id, _ := ctx.Value(messageKey{}).(string)
	return id
}
