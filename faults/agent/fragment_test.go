package agent

import (
	"bytes"
	"encoding/binary"
	"testing"
)

func TestFragments(t *testing.T) {
	data := make([]byte, 4001)
	for i := range data {
		data[i] = byte(i * 7)
	}
	v4 := packet4("10.0.0.1", "10.0.0.2", protoUDP, data)
	binary.BigEndian.PutUint16(v4[2:], uint16(len(v4)))
	v6 := make([]byte, 40, 40+len(data))
	v6[0], v6[6] = 0x60, protoUDP
	binary.BigEndian.PutUint16(v6[4:], uint16(len(data)))
	v6 = append(v6, data...)
	for name, p := range map[string][]byte{"v4": v4, "v6": v6} {
		list := fragments(p, 1280)
		var got []byte
		for i, f := range list {
			head, at, last := 20, 0, false
			if name == "v6" {
				head = 48
				at, last = int(binary.BigEndian.Uint16(f[42:])&^7), f[43]&1 == 0
				if f[6] != 44 || f[40] != protoUDP || !bytes.Equal(f[44:48], list[0][44:48]) {
					t.Errorf("%s: headers %x", name, f[:48])
				}
			} else {
				at, last = int(binary.BigEndian.Uint16(f[6:])&0x1fff)*8, f[6]&0x20 == 0
				if !bytes.Equal(f[4:6], list[0][4:6]) || f[4] == 0 && f[5] == 0 {
					t.Errorf("%s: number %x", name, f[4:6])
				}
			}
			if len(f) > 1280 || length(f) != len(f) || at != len(got) || last != (i == len(list)-1) {
				t.Errorf("%s: fragment %d of %d bytes at %d, last %v", name, i, len(f), at, last)
			}
			got = append(got, f[head:]...)
		}
		if !bytes.Equal(got, data) {
			t.Errorf("%s: put together %d bytes, want %d", name, len(got), len(data))
		}
	}
	if fragments(list4(v4), 1280) != nil {
		t.Error("a fragment was cut again")
	}
}

func list4(p []byte) []byte { return fragments(p, 2560)[0] }
