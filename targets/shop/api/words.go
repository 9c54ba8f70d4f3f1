package api

import (
	"strings"
	"unicode"
)

// Words are the words of a search, in lower case, without punctuation.
func Words(query string) []string {
	return strings.FieldsFunc(strings.ToLower(query), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsNumber(r)
	})
}
