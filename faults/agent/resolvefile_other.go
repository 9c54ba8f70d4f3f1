//go:build !linux

package agent

// targetFile is for where targets run.
func targetFile(int, string) (string, error) {
	_, err := newKernel()
	return "", err
}
