//! Words that mean the same.

/// Groups of words, each in lower case. A word may be in several.
const GROUPS: &[&[&str]] = &[
    &["postgres", "postgresql", "pg", "postgrex"],
    &["redis", "valkey"],
    &["mail", "email", "smtp", "mailer"],
    &["send", "deliver"],
    &["regex", "regexp"],
    &["auth", "authentication", "authenticate", "login"],
    &["auth", "authorization", "authorize"],
    &["db", "database"],
    &["k8s", "kubernetes"],
    &["js", "javascript"],
    &["ts", "typescript"],
    &["i18n", "internationalization", "localization", "l10n", "translation"],
    &["config", "configuration", "settings"],
    &["doc", "docs", "documentation"],
    &["websocket", "websockets", "ws"],
    &["md", "markdown"],
    &["yml", "yaml"],
    &["img", "image", "picture", "photo"],
    &["amqp", "rabbitmq"],
    &["crypto", "cryptography", "encryption", "encrypt"],
    &["uuid", "guid"],
    &["env", "environment"],
    &["tz", "timezone", "tzdata"],
    &["gql", "graphql"],
    &["protobuf", "protobufs", "protoc", "protobuffs"],
    &["xls", "xlsx", "excel", "spreadsheet"],
    &["cron", "scheduler", "schedule"],
    &["log", "logging", "logger"],
    &["mock", "stub"],
    &["aws", "amazon"],
    &["gcp", "google"],
    &["rpc", "grpc"],
    &["jwt", "jose"],
    &["telemetry", "metrics"],
    &["mongo", "mongodb"],
    &["sqlite", "sqlite3"],
    &["mysql", "mariadb"],
    &["elasticsearch", "opensearch"],
    &["admin", "dashboard"],
    &["money", "currency"],
    &["http", "https"],
    &["ssl", "tls"],
    &["lint", "linter"],
    &["fs", "filesystem"],
    &["dir", "directory", "folder"],
];

/// The other words of the groups that a word is in. The word may be in its plural.
pub(super) fn synonyms_of(word: &str) -> impl Iterator<Item = &'static str> {
    let singular = word.strip_suffix('s').unwrap_or(word);
    let is_meant = move |one: &&str| *one == word || *one == singular;
    let groups = GROUPS.iter().filter(move |group| group.iter().any(is_meant));
    groups.flat_map(|group| group.iter().copied()).filter(move |one| !is_meant(one))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_group_mean_each_other() {
        let of = |word| synonyms_of(word).collect::<Vec<_>>();
        assert_eq!(of("valkey"), ["redis"]);
        assert_eq!(of("emails"), ["mail", "smtp", "mailer"]);
        assert!(of("auth").contains(&"authorization") && of("auth").contains(&"login"));
        assert_eq!(of("csv"), [""; 0]);
    }
}
