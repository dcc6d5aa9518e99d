"""Writes odd.jsonl: more rows of the formats that few systems have, made by passlib and, where it lacks them, by perl.

    /usr/bin/python3 odd.py > odd.jsonl        (Debian: python3-passlib, libauthen-passphrase-perl, libcrypt-pbkdf2-perl)
"""
import json
import subprocess

import passlib
from passlib.hash import (cisco_asa, cisco_pix, cisco_type7, cta_pbkdf2_sha1, crypt16, dlitz_pbkdf2_sha1, oracle10, scram,
                          sun_md5_crypt)

rows = []


def row(format, password, hash, tool="passlib " + passlib.__version__, **extra):
    rows.append({"id": "odd-%d" % (len(rows) + 1), "format": format, "source_tool": tool, "password": password,
                 "hash": hash, "valid": True} | ({"extra": extra} if extra else {}))


def perl(program, *arguments):
    return subprocess.run(["perl", "-e", program, *arguments], check=True, capture_output=True, text=True).stdout


for password in "x", "Tr0ub4dor&3", "sixteen bytes ab":
    row("cisco-pix", password, cisco_pix.hash(password))
    row("cisco-pix", password, cisco_pix.hash(password, user="adm"), user="adm")
    row("cisco-asa", password, cisco_asa.hash(password, user="operator"), user="operator")
for length in 12, 13, 27, 28, 32:
    password = "0123456789abcdefghijklmnopqrstuv"[:length]
    row("cisco-asa", password, cisco_asa.hash(password, user="operator"), user="operator")
    row("cisco-asa", password, cisco_asa.hash(password))
for salt in 0, 52:
    row("cisco-type7", "Pässwörd of 50 bytes, so that the key begins again", cisco_type7.using(salt=salt).hash(
        "Pässwörd of 50 bytes, so that the key begins again"))
for password in "a", "exactly8", "exactly8plus", "exactly8+exactly":
    row("crypt16", password, crypt16.hash(password))
for user, password in ("SYSTEM", "a"), ("scott", "tIger"), ("a.longer-user", "Passphrase with spaces"):
    row("oracle10", password, oracle10.hash(password, user=user), user=user)
row("pbkdf2-p5k2-dlitz", "no rounds", dlitz_pbkdf2_sha1.using(rounds=400).hash("no rounds"))
row("pbkdf2-p5k2-cta", "", cta_pbkdf2_sha1.using(rounds=1, salt=b"").hash(""))
row("scram-passlib", "IX", scram.using(rounds=10, algs="md5,sha-1,sha-224,sha-384").hash("I\u00adX"))
row("scram-passlib", "\u2168", scram.using(rounds=10).hash("IX"))
for rounds, bare in (0, True), (0, False), (1, True), (1, False):
    handler = sun_md5_crypt(rounds=rounds, salt="abcdefgh", bare_salt=bare)
    handler.checksum = handler._calc_checksum("Solaris")
    row("crypt-sunmd5", "Solaris", handler.to_string())
for password in "password", "a b", "x" * 72:
    row("eggdrop", password, "+" + perl(
        "use Authen::Passphrase::EggdropBlowfish; print Authen::Passphrase::EggdropBlowfish->new(passphrase=>$ARGV[0])->hash_base64",
        password), "Authen::Passphrase")
for digest in 224, 384, 512:
    for encoding in "ldap", "crypt":
        row("perl-crypt-pbkdf2-" + encoding, "password", perl(
            "use Crypt::PBKDF2; print Crypt::PBKDF2->new(hash_class=>'HMACSHA2', hash_args=>{sha_size=>$ARGV[0]}, "
            "iterations=>9, encoding=>$ARGV[1])->generate('password')", str(digest), encoding), "Crypt::PBKDF2")
for r in rows:
    print(json.dumps(r, ensure_ascii=False))
