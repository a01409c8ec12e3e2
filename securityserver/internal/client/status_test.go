package client_test

import (
	"io/fs"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/securityserver/internal/client"
	"github.com/ristmik/ristmik/securityserver/internal/worldtest"
)

// walk is the state machine as the requirements give it: a row for each event, a column for each state; "-" is no change, "E" a refusal.
const walk = `
event       | saved                    | registration in progress | registered             | deletion in progress | global error | disabling in progress | disabled              | enabling in progress
register    | registration in progress | E                        | E                      | E                    | E            | E                     | E                     | E
unregister  | E                        | deletion in progress     | deletion in progress   | E                    | E            | E                     | deletion in progress  | E
delete      | deleted                  | E                        | E                      | deleted              | deleted      | E                     | E                     | E
disable     | E                        | E                        | disabling in progress  | E                    | E            | E                     | E                     | E
enable      | E                        | E                        | E                      | E                    | E            | E                     | enabling in progress  | E
rename      | saved                    | E                        | registered             | E                    | E            | E                     | E                     | E
make owner  | E                        | E                        | registered             | E                    | E            | E                     | E                     | E
listed      | registered               | registered               | -                      | -                    | registered   | -                     | -                     | registered
not listed  | -                        | -                        | global error           | -                    | -            | disabled              | -                     | -`

func cells(line string) []string {
	parts := strings.Split(line, "|")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}

func TestEveryStateMeetsEveryEvent(t *testing.T) {
	lines := strings.Split(strings.TrimSpace(walk), "\n")
	states := cells(lines[0])[1:]
	require.Len(t, states, len(client.Statuses))
	require.Len(t, lines[1:], len(client.Events))
	for n, event := range client.Events {
		row := cells(lines[n+1])
		require.Equal(t, event.String(), row[0])
		for column, state := range client.Statuses {
			require.Equal(t, states[column], state.String())
			next, err := state.Next(event)
			switch want := row[column+1]; want {
			case "E":
				require.Equal(t, "action_not_possible", fault.CodeOf(err), "%s in %s", event, state)
				require.Equal(t, fault.Conflict, fault.From(err).Kind)
				require.Equal(t, "Cannot "+event.String()+" a client in state '"+state.String()+"'", fault.From(err).Message)
				require.Equal(t, state, next)
			case "-":
				require.NoError(t, err)
				require.Equal(t, state, next)
			default:
				require.NoError(t, err, "%s in %s", event, state)
				require.Equal(t, want, next.String(), "%s in %s", event, state)
			}
		}
	}
}

func TestSpellings(t *testing.T) {
	for _, s := range client.Statuses {
		parsed, err := client.ParseStatus(s.String())
		require.NoError(t, err)
		require.Equal(t, s, parsed)
		require.Equal(t, strings.ToUpper(strings.ReplaceAll(s.String(), " ", "_")), s.API())
	}
	_, err := client.ParseStatus("deleted")
	require.Error(t, err)
	_, err = client.ParseConnection("FTP")
	require.Equal(t, "invalid_connection_type", fault.CodeOf(err))
	require.Equal(t, "HTTPS NO AUTH", client.HTTPSNoAuth.Audit())
}

// The databases accept exactly the states and connection types of the code.
func TestDatabasesKnowTheSameStates(t *testing.T) {
	for _, driver := range []string{"sqlite", "postgres"} {
		sql, err := fs.ReadFile(worldtest.Migrations(driver), "00002_security.sql")
		require.NoError(t, err)
		table := string(sql)
		table = table[strings.Index(table, "CREATE TABLE client ("):]
		table = table[:strings.Index(table, ");\n")]
		check := func(column string) []string {
			list := regexp.MustCompile(`(?s)` + column + ` IN \((.*?)\)`).FindStringSubmatch(table)
			require.Len(t, list, 2, column)
			var found []string
			for _, m := range regexp.MustCompile(`'([^']*)'`).FindAllStringSubmatch(list[1], -1) {
				found = append(found, m[1])
			}
			return found
		}
		var states, connections []string
		for _, s := range client.Statuses {
			states = append(states, s.String())
		}
		for _, c := range client.Connections {
			connections = append(connections, string(c))
		}
		require.ElementsMatch(t, states, check("status"))
		require.ElementsMatch(t, connections, check("connection_type"))
	}
}
