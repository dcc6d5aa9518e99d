-- +goose Up
-- A new e-mail address is delivered too. What kinds there are is the program's to say.
ALTER TABLE copy_back DROP CONSTRAINT copy_back_kind_check;
ALTER TABLE copy_back ADD CONSTRAINT copy_back_kind_check CHECK (kind <> '');
