package submission_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/identifier"
	"github.com/ristmik/ristmik/pkg/request"
	"github.com/ristmik/ristmik/pkg/soap"
	"github.com/ristmik/ristmik/securityserver/internal/submission"
)

func TestResolve(t *testing.T) {
	now := time.Unix(1, 0)
	refused := func(text string) error {
		return fmt.Errorf("sending: %w", &soap.Fault{Code: "internal_error", String: text})
	}
	for _, c := range []struct {
		err          error
		afterUnknown bool
		want         submission.Outcome
		reason       string
	}{
		{nil, false, submission.Sent, ""},
		{refused("no"), false, submission.Failed, "no"},
		{refused("no"), true, submission.Failed, "no"},
		{refused("management_request_exists with statusCode 409"), false, submission.Failed, "management_request_exists with statusCode 409"},
		{refused("management_request_exists with statusCode 409"), true, submission.Sent, "management_request_exists with statusCode 409"},
		{refused("'A' has already been registered as a client to security server 'B'"), true, submission.Sent,
			"'A' has already been registered as a client to security server 'B'"},
		{fault.New(fault.Unavailable, "network_error", "no answer"), false, submission.Unknown, "no answer"},
		{context.DeadlineExceeded, false, submission.Unknown, "Internal error"},
		{fault.New(fault.Conflict, "unknown_member", "no key"), true, submission.Failed, "no key"},
		{errors.New("disk"), false, submission.Failed, "Internal error"},
	} {
		var s submission.Submission
		s.Resolve(7, c.err, c.afterUnknown, now)
		require.Equal(t, submission.Submission{SentAt: now, RequestID: 7, Outcome: c.want, Reason: c.reason}, s)
		require.Equal(t, c.want == submission.Unknown, s.Unresolved())
	}
	require.True(t, submission.Submission{}.Unresolved(), "an intent whose sender died")
}

func TestIntentAndMessageShareAnIdentifier(t *testing.T) {
	s, err := submission.New(rand.Reader, request.ClientReg, identifier.SecurityServerID{})
	require.NoError(t, err)
	require.Len(t, s.MessageID, 36)
	require.Equal(t, s.MessageID, submission.MessageID(submission.WithMessageID(t.Context(), s.MessageID)))
	require.Empty(t, submission.MessageID(t.Context()))
}
