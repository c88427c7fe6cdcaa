// Command checkaudit checks what the trail hands out with programs that were not written for it: signed notes with
// golang.org/x/mod/sumdb/note, cosignatures with github.com/transparency-dev/formats/note, tlog-proofs with
// github.com/transparency-dev/formats/proof, and trees with github.com/transparency-dev/merkle.
//
//	checkaudit FOLDER
//
// The folder holds log.vkey, witness.vkey, head (a cosigned note), entry (the bytes of one) and entry.tlog-proof. It may
// hold former.vkey with rotation (the statement that the log's key took over, signed by both), and older notes
// old-N.note with old-N.consistency (base64, one hash a line): the proof that the head continues them.
// Exit status 0: everything holds. 1: something does not, and standard error says what.
package main

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/transparency-dev/formats/log"
	cosigned "github.com/transparency-dev/formats/note"
	tlog "github.com/transparency-dev/formats/proof"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: checkaudit FOLDER")
		os.Exit(2)
	}
	if err := check(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("everything holds")
}

func check(folder string) error {
	read := func(name string) []byte {
		data, _ := os.ReadFile(filepath.Join(folder, name))
		return data
	}
	current, err := note.NewVerifier(strings.TrimSpace(string(read("log.vkey"))))
	if err != nil {
		return fmt.Errorf("log.vkey: %w", err)
	}
	witness, err := cosigned.NewVerifierForCosignatureV1(strings.TrimSpace(string(read("witness.vkey"))))
	if err != nil {
		return fmt.Errorf("witness.vkey: %w", err)
	}
	former, err := checkRotation(read("former.vkey"), read("rotation"), current)
	if err != nil {
		return fmt.Errorf("rotation: %w", err)
	}
	head, err := openCheckpoint(read("head"), current, witness)
	if err != nil {
		return fmt.Errorf("head: %w", err)
	}
	if err := checkEntry(read("entry"), read("entry.tlog-proof"), head, current, witness); err != nil {
		return fmt.Errorf("entry: %w", err)
	}
	olds, _ := filepath.Glob(filepath.Join(folder, "old-*.note"))
	for _, path := range olds {
		name := strings.TrimSuffix(filepath.Base(path), ".note")
		if err := checkOld(read(name+".note"), read(name+".consistency"), head, former, current); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// checkRotation returns the key that signed before, nil when there was none.
func checkRotation(vkey, statement []byte, current note.Verifier) (note.Verifier, error) {
	if len(vkey) == 0 {
		return nil, nil
	}
	former, err := note.NewVerifier(strings.TrimSpace(string(vkey)))
	if err != nil {
		return nil, err
	}
	opened, err := note.Open(statement, note.VerifierList(former, current))
	if err != nil {
		return nil, err
	}
	if len(opened.Sigs) != 2 {
		return nil, errors.New("one of the two keys has not signed")
	}
	return former, nil
}

// openCheckpoint demands the signatures of all verifiers: the log's first, then witnesses.
func openCheckpoint(data []byte, verifiers ...note.Verifier) (*log.Checkpoint, error) {
	opened, err := note.Open(data, note.VerifierList(verifiers...))
	if err != nil {
		return nil, err
	}
	if len(opened.Sigs) != len(verifiers) || len(opened.UnverifiedSigs) != 0 {
		return nil, errors.New("not exactly the signatures that are wanted")
	}
	checkpoint, _, _, err := log.ParseCheckpoint(data, verifiers[0].Name(), verifiers[0], verifiers[1:]...)
	return checkpoint, err
}

func checkEntry(entry, data []byte, head *log.Checkpoint, current, witness note.Verifier) error {
	var found tlog.TLogProof
	if err := found.Unmarshal(data); err != nil {
		return err
	}
	if !bytes.Equal(found.Marshal(), data) {
		return errors.New("the proof is not written the one way")
	}
	if _, err := note.Open(found.Checkpoint, note.VerifierList(current)); err != nil {
		return err
	}
	var named log.Checkpoint
	if _, err := named.Unmarshal(found.Checkpoint); err != nil {
		return err
	}
	if named.Size != head.Size || !bytes.Equal(named.Hash, head.Hash) {
		return errors.New("the proof leads to another checkpoint")
	}
	var hashes [][]byte
	for _, hash := range found.Hashes {
		hashes = append(hashes, hash[:])
	}
	leaf := rfc6962.DefaultHasher.HashLeaf(entry)
	return proof.VerifyInclusion(rfc6962.DefaultHasher, found.Index, head.Size, leaf, hashes, head.Hash)
}

func checkOld(data, steps []byte, head *log.Checkpoint, former, current note.Verifier) error {
	var old *log.Checkpoint
	err := errors.New("no key of the log")
	for _, key := range []note.Verifier{current, former} {
		if key == nil {
			continue
		}
		if old, err = openCheckpoint(data, key); err == nil {
			break
		}
	}
	if err != nil {
		return err
	}
	var hashes [][]byte
	for _, line := range strings.Fields(string(steps)) {
		hash, err := base64.StdEncoding.DecodeString(line)
		if err != nil {
			return err
		}
		hashes = append(hashes, hash)
	}
	return proof.VerifyConsistency(rfc6962.DefaultHasher, old.Size, head.Size, hashes, old.Hash, head.Hash)
}
