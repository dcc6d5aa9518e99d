<?php
// Writes php.jsonl: rows for the PHP applications, made by PHP itself with the expressions their sources use.
//     php php.php > php.jsonl
$plain = "pa<ss>&\"wörd";
$quoted = "it's \"q\" \\ x";
$bcrypt = fn($x) => password_hash($x, PASSWORD_BCRYPT, ["cost" => 4]);
$md5md5 = fn($x, $salt) => md5(md5($x) . $salt);
$triple = fn($x, $salt) => sha1($salt . sha1($salt . sha1($x)));
$wp = fn($x) => '$wp' . $bcrypt(base64_encode(hash_hmac("sha384", trim($x), "wp-sha384", true)));
$argon = fn($algo) => password_hash($plain, $algo, ["memory_cost" => 64, "time_cost" => 2, "threads" => 1]);

$rows = [
    // format, password, hash, salt, extra
    ["prestashop", $plain, md5("cookiekey123" . $plain), "", ["pepper" => "cookiekey123"]],
    ["prestashop", $plain, $bcrypt($plain), "", []],
    ["opencart", $plain, $triple($plain, "aB3xY9"), "aB3xY9", []],
    ["opencart", $plain, $triple(htmlspecialchars($plain, ENT_COMPAT, "UTF-8"), "aB3xY9"), "aB3xY9", ["escape" => "html"]],
    ["opencart", $plain, $bcrypt($plain), "aB3xY9", []],
    ["punbb", $plain, sha1("s4lt12chars!" . sha1($plain)), "s4lt12chars!", []],
    ["cakephp", $plain, sha1("DYhG93b0qyJfIxfs2guVoUub" . $plain), "", ["pepper" => "DYhG93b0qyJfIxfs2guVoUub"]],
    ["cakephp", $plain, sha1("DYhG93b0qyJfIxfs2guVoUub" . $plain), "DYhG93b0qyJfIxfs2guVoUub", []],
    ["joomla", $plain, md5($plain . "jsalt") . ":jsalt", "", []],
    ["joomla", $plain, $bcrypt($plain), "", []],
    ["oscommerce", $plain, strtoupper(md5("f5" . $plain)), "f5", []],
    ["vbulletin", $plain, $md5md5($plain, "s:l"), "s:l", []],
    ["vbulletin5", $plain, $md5md5($plain, "x y$") . " x y$", "", []],
    ["vbulletin5", $plain, $bcrypt(md5($plain)), "", []],
    ["xenforo-sha1", $plain, sha1(sha1($plain) . "saltsalt"), "saltsalt", []],
    ["xenforo", $plain, sha1(sha1($plain) . "saltsalt"), "saltsalt", []],
    ["xenforo", $plain, hash("sha256", hash("sha256", $plain) . "saltsalt"), "saltsalt", []],
    ["xenforo", $plain, serialize(["hash" => sha1(sha1($plain) . "sa"), "salt" => "sa", "hashFunc" => "sha1"]), "", []],
    ["xenforo", $plain, serialize(["hash" => hash("sha256", hash("sha256", $plain) . "sa"), "salt" => "sa", "hashFunc" => "sha256"]), "", []],
    ["xenforo", $plain, serialize(["hash" => $bcrypt($plain)]), "", []],
    ["magento1", $plain, hash("sha256", "xy" . $plain) . ":xy", "", []],
    ["magento1", $plain, hash("sha512", "xy" . $plain) . ":xy", "", []],
    ["magento1", $plain, md5($plain), "", []],
    ["magento1", $plain, $bcrypt($plain), "", []],
    ["laravel", $plain, $argon(PASSWORD_ARGON2ID), "", []],
    ["laravel", $plain, $argon(PASSWORD_ARGON2I), "", []],
    ["phpbb", $plain, $bcrypt(htmlspecialchars($plain)), "", ["escape" => "html"]],
    ["phpbb", $plain, md5($plain), "", []],
    ["wordpress", " $quoted\t", $wp(" $quoted "), "", []],
    ["wordpress", $quoted, $wp(addslashes($quoted)), "", ["escape" => "slashes"]],
    ["wordpress", "$quoted ", md5($quoted), "", []],
    ["wordpress", "$quoted ", $bcrypt($quoted), "", []],
    ["nextcloud", $plain, $bcrypt($plain . "legacysalt42"), "", ["pepper" => "legacysalt42"]],
    ["nextcloud", $plain, sha1($plain), "", []],
    ["drupal", " $plain", md5($plain), "", []],
    ["mediawiki", $plain, md5($plain), "", []],
    ["phps", $plain, '$PHPS$' . bin2hex("abc") . '$' . $md5md5($plain, "abc"), "", []],
    ["authme", $plain, '$SHA$0123456789abcdef$' . hash("sha256", hash("sha256", $plain) . "0123456789abcdef"), "", []],
    ["woltlab", $plain, "Bcrypt:" . $bcrypt($plain), "", []],
    ["woltlab", $plain, "Wcf1:" . $triple($plain, "abc") . ":abc", "", []],
    ["woltlab", $plain, "Joomla1:" . md5($plain . "abc") . ":abc", "", []],
    ["woltlab", $plain, "Smf1:" . sha1("abc" . $plain) . ":abc", "", []],
    ["woltlab", $plain, "Vb3:" . $md5md5($plain, "abc") . ":abc", "", []],
    ["woltlab", $plain, "Ipb3:" . md5(md5("abc") . md5($plain)) . ":abc", "", []],
    ["woltlab", $plain, "Phpfox3:" . md5(md5($plain) . md5("abc")) . ":abc", "", []],
    ["woltlab", $plain, "Xf1:" . hash("sha256", hash("sha256", $plain) . "abc") . ":abc", "", []],
    ["woltlab", $plain, "Pbkdf2:" . hash_pbkdf2("sha256", $plain, "abc", 1000, 64) . ":abc:sha256:1000:32", "", []],
];
$tool = "php " . PHP_VERSION . ", testdata/php.php";
foreach ($rows as $i => [$format, $password, $hash, $salt, $extra]) {
    $row = ["id" => "php-" . ($i + 1), "format" => $format, "source_tool" => $tool, "password" => $password, "hash" => $hash, "valid" => true];
    if ($salt !== "") {
        $row["salt"] = $salt;
    }
    if ($extra) {
        $row["extra"] = $extra;
    }
    echo json_encode($row, JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES), "\n";
}
