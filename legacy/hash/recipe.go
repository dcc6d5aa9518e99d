package hash

import "rekey/legacy"

func isRecipe(string) bool                          { return false }
func compileRecipe(string) (struct{}, error)        { return struct{}{}, ErrScheme }
func openRecipe(*env, legacy.Stored) (*Hash, error) { return nil, ErrScheme }
