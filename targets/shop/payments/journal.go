package payments

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"faultlab/targets/shop/api"
)

// journal keeps charges in a file, a line of JSON each, so that a partner who was killed
// knows them when it is back. It does not outlive the machine: nothing is synced.
type journal struct {
	file *os.File
}

// openJournal gives what a file holds, in the order in which it was written, and goes on
// behind it. A last line that was cut off was never answered for, and goes.
func openJournal(path string) (*journal, []api.Charge, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, nil, fmt.Errorf("open the journal: %w", err)
	}
	charges, err := read(file)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("read the journal: %w", err), file.Close())
	}
	return &journal{file}, charges, nil
}

func read(file *os.File) ([]api.Charge, error) {
	text, err := io.ReadAll(file)
	if err != nil {
		return nil, err
	}
	whole := bytes.LastIndexByte(text, '\n') + 1
	var charges []api.Charge
	for d := json.NewDecoder(bytes.NewReader(text[:whole])); d.More(); {
		var c api.Charge
		if err := d.Decode(&c); err != nil {
			return nil, err
		}
		charges = append(charges, c)
	}
	if err := file.Truncate(int64(whole)); err != nil {
		return nil, err
	}
	_, err = file.Seek(int64(whole), io.SeekStart)
	return charges, err
}

// write adds a charge.
func (j *journal) write(c api.Charge) error {
	line, err := json.Marshal(c)
	if err == nil {
		_, err = j.file.Write(append(line, '\n'))
	}
	if err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	return nil
}
