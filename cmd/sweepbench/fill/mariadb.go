package fill

import (
	"bufio"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/url"
	"strconv"
	"time"

	"github.com/go-sql-driver/mysql"

	"rekey/cmd/loadtest/rig"
	"rekey/cmd/sweepbench/crowd"
)

var mariaDB = engine{
	table: `CREATE TABLE ` + Table + ` (
		id            BIGINT UNSIGNED NOT NULL PRIMARY KEY,
		username      VARCHAR(191) NOT NULL,
		email         VARCHAR(191) NULL,
		password      VARCHAR(255) NOT NULL,
		display_name  VARCHAR(191) NOT NULL,
		created_at    DATETIME     NOT NULL,
		last_login_at DATETIME     NULL,
		disabled      TINYINT(1)   NOT NULL
	) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci`,
	open:  func(u *url.URL) (*sql.DB, error) { return rig.Connect(u.String()) },
	write: loadData,
	after: []string{"ANALYZE TABLE " + Table},
}

// loaded is how many people are written in one transaction: what MariaDB would have to undo stays small.
const loaded = 200_000

// loadData streams people through LOAD DATA LOCAL.
func loadData(ctx context.Context, conn *sql.Conn, people iter.Seq[crowd.Person]) error {
	// Rows come in the order of the primary key, and nothing else is unique.
	if _, err := conn.ExecContext(ctx, "SET unique_checks = 0"); err != nil {
		return err
	}
	for piece := range batches(people, loaded) {
		if err := loadPiece(ctx, conn, piece); err != nil {
			return err
		}
	}
	return nil
}

func loadPiece(ctx context.Context, conn *sql.Conn, people iter.Seq[crowd.Person]) error {
	out, in := io.Pipe()
	name := "people-" + rand.Text()
	mysql.RegisterReaderHandler(name, func() io.Reader { return out })
	defer mysql.DeregisterReaderHandler(name)
	written := make(chan error, 1)
	var lines int64
	go func() {
		err := writeLines(in, people, &lines)
		written <- err
		_ = in.CloseWithError(err) // of a pipe it never fails; nil is the end of the file
	}()
	done, err := conn.ExecContext(ctx, `LOAD DATA LOCAL INFILE 'Reader::`+name+`' INTO TABLE `+Table+` CHARACTER SET utf8mb4
		FIELDS TERMINATED BY '\t' ESCAPED BY '\\' LINES TERMINATED BY '\n' (`+columns+`)`)
	_ = out.CloseWithError(io.ErrClosedPipe) // whoever still writes hears that nobody reads
	if writeErr := <-written; err == nil {
		err = writeErr
	}
	if err != nil {
		return err
	}
	if n, err := done.RowsAffected(); err != nil || n != lines { // of a local file the server skips lines that it does not like
		return errors.Join(fmt.Errorf("%d of %d people were taken", n, lines), err)
	}
	return nil
}

// writeLines writes people as LOAD DATA reads them: no value made here has a tab, a line's end or a backslash. It counts them.
func writeLines(w io.Writer, people iter.Seq[crowd.Person], lines *int64) error {
	out := bufio.NewWriterSize(w, 64<<10)
	line := make([]byte, 0, 512)
	for p := range people {
		line = strconv.AppendInt(line[:0], p.ID, 10)
		for _, text := range []string{p.Username, orNull(p.Email), p.Hash, p.DisplayName, p.CreatedAt.Format(timeText), timeOrNull(p.LastLoginAt)} {
			line = append(append(line, '\t'), text...)
		}
		line = append(line, '\t', '0', '\n')
		if p.Disabled {
			line[len(line)-2] = '1'
		}
		if _, err := out.Write(line); err != nil {
			return err
		}
		*lines++
	}
	return out.Flush()
}

// null is NULL to LOAD DATA.
const null = `\N`

func orNull(text string) string {
	if text == "" {
		return null
	}
	return text
}

func timeOrNull(t time.Time) string {
	if t.IsZero() {
		return null
	}
	return t.Format(timeText)
}
