//! `${NAME}` in the values of a configuration: the value of an environment variable.

/// Why a value cannot be expanded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExpansionError {
    #[error("the environment variable {0} is not set")]
    Unset(String),
    #[error("`${{` has no `}}`")]
    Unclosed,
    #[error("`${{{0}}}` does not name an environment variable")]
    InvalidName(String),
}

impl ExpansionError {
    /// What to do.
    pub fn hint(&self) -> String {
        match self {
            Self::Unset(name) => format!("set it, or write ${{{name}:-DEFAULT}}"),
            Self::Unclosed | Self::InvalidName(_) => {
                "write ${NAME} for a variable, and $${ for `${` itself".to_owned()
            }
        }
    }
}

/// A value with its variables replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expanded {
    pub text: String,
    /// Whether any of it came from a variable.
    pub has_variables: bool,
}

/// Replaces each `${NAME}` by what `variable` says, and `${NAME:-DEFAULT}` by the default if the variable is unset or empty.
/// `$${` stands for `${`, and any other `$` for itself. What a variable holds is not expanded again.
///
/// # Errors
/// [`ExpansionError`] for the first variable that has no value.
pub fn expand(
    value: &str,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Expanded, ExpansionError> {
    let (mut text, mut rest, mut has_variables) = (String::new(), value, false);
    while let Some((before, after)) = rest.split_once("${") {
        if let Some(before) = before.strip_suffix('$') {
            text.push_str(before);
            text.push_str("${");
            rest = after;
            continue;
        }
        text.push_str(before);
        let (inner, after) = after.split_once('}').ok_or(ExpansionError::Unclosed)?;
        let (name, default) = match inner.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inner, None),
        };
        let is_name = name.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric());
        if name.is_empty() || !is_name {
            return Err(ExpansionError::InvalidName(inner.to_owned()));
        }
        let found = variable(name).filter(|value| default.is_none() || !value.is_empty());
        let found = found.or_else(|| default.map(str::to_owned));
        text.push_str(&found.ok_or_else(|| ExpansionError::Unset(name.to_owned()))?);
        (rest, has_variables) = (after, true);
    }
    text.push_str(rest);
    Ok(Expanded { text, has_variables })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(value: &str) -> Result<String, ExpansionError> {
        let variable = |name: &str| match name {
            "A" => Some("a".to_owned()),
            "EMPTY" => Some(String::new()),
            "NESTED" => Some("${A}".to_owned()),
            _ => None,
        };
        expand(value, variable).map(|expanded| expanded.text)
    }

    #[test]
    fn variables_are_replaced_once() {
        for (value, expected) in [
            ("", ""),
            ("plain $A $ {A}", "plain $A $ {A}"),
            ("${A}", "a"),
            ("x${A}y${A}z", "xayaz"),
            ("${EMPTY}", ""),
            ("${EMPTY:-b}", "b"),
            ("${UNSET:-b:-c}", "b:-c"),
            ("${UNSET:-}", ""),
            ("${A:-b}", "a"),
            ("${NESTED}", "${A}"),
            ("$${A} $$", "${A} $$"),
        ] {
            assert_eq!(expanded(value).as_deref(), Ok(expected), "{value}");
        }
    }

    #[test]
    fn what_has_no_value_is_refused() {
        assert_eq!(expanded("${UNSET}"), Err(ExpansionError::Unset("UNSET".to_owned())));
        assert_eq!(expanded("${A"), Err(ExpansionError::Unclosed));
        for name in ["", "a b", "A-B", ":-x"] {
            let value = format!("${{{name}}}");
            assert_eq!(expanded(&value), Err(ExpansionError::InvalidName(name.to_owned())));
        }
    }
}
