package cli

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gennaker/gennaker/agent/internal/config"
)

func tokenCommand() *cobra.Command {
	var name, file string
	var scopes []string
	cmd := &cobra.Command{
		Use:   "token --name ci --scope trigger",
		Short: "Make an API token and the line of server.tokens that lets it in",
		Long: `Make a token for callers of the API, and print it and the line for server.tokens in the agent's configuration. The line
holds a digest only: the token itself is nowhere else, keep it where the caller reads it (GENNAKER_TOKEN_FILE). With
--file, the line is made for the token in that file.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			token := config.Token{Name: name, Scopes: scopes}
			secret, err := secretOf(file)
			if err != nil {
				return err
			}
			sum := sha256.Sum256([]byte(secret))
			token.SHA256 = hex.EncodeToString(sum[:])
			if err := token.Validate("token"); err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			if file == "" {
				fmt.Fprintf(out, "token:  %s\n", secret)
			}
			_, err = fmt.Fprintf(out, "config: - {name: %q, scopes: [%s], sha256: %s}\n", name, strings.Join(scopes, ", "), token.SHA256)
			return err
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "whom the token stands for, as the agent's audit rows show it")
	cmd.Flags().StringSliceVar(&scopes, "scope", []string{"trigger"}, "what it may do: read, trigger or write; each includes the ones before")
	cmd.Flags().StringVar(&file, "file", "", "a file with a token that there is already")
	if err := cmd.MarkFlagRequired("name"); err != nil {
		panic(err)
	}
	return cmd
}

// secretOf reads the token of a file, or makes one.
func secretOf(file string) (string, error) {
	if file == "" {
		const size = 32 // bytes
		secret := make([]byte, size)
		if _, err := rand.Read(secret); err != nil {
			return "", fmt.Errorf("make a token: %w", err)
		}
		return hex.EncodeToString(secret), nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("--file: %w", err)
	}
	secret := strings.TrimSpace(string(text))
	if len(secret) < config.ShortestToken {
		return "", fmt.Errorf("--file: found a token of %d characters, expected at least %d", len(secret), config.ShortestToken)
	}
	return secret, nil
}
