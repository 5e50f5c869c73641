//! The small decodings that telling calls apart needs.

use std::borrow::Cow;

/// `name=value&...` as pairs, decoded; `+` is a space, as in forms and in the queries that SDKs sign.
pub(super) fn pairs(text: &str) -> impl Iterator<Item = (String, String)> {
    text.split('&').filter(|part| !part.is_empty()).map(|part| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        (percent_decode(&name.replace('+', " ")), percent_decode(&value.replace('+', " ")))
    })
}

/// The value of a name in a query or form.
pub(super) fn value(text: &str, name: &str) -> Option<String> {
    pairs(text).find(|(found, _)| found == name).map(|(_, value)| value)
}

/// Whether a query or form has a name, with or without a value (`?versioning`).
pub(super) fn has(text: &str, name: &str) -> bool {
    pairs(text).any(|(found, _)| found == name)
}

/// Percent-decoding. What is not a valid escape stays as it is; what is not UTF-8 is replaced.
pub(super) fn percent_decode(text: &str) -> String {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let escaped = match (first, after) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)).map(|(high, low)| high << 4 | low),
            _ => None,
        };
        decoded.push(escaped.unwrap_or(first));
        rest = if escaped.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// Text for an XML element.
pub(super) fn xml_escape(text: &str) -> Cow<'_, str> {
    if text.contains(['&', '<', '>']) {
        Cow::Owned(text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"))
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_decoded_and_broken_ones_kept() {
        assert_eq!(percent_decode("a%2Fb%20c%c3%A9"), "a/b cé");
        assert_eq!(percent_decode("100%"), "100%");
        assert_eq!(percent_decode("%zz%2"), "%zz%2");
    }

    #[test]
    fn a_plus_is_a_space_in_pairs_only() {
        assert_eq!(value("a=1&Message=x+y%2B", "Message").as_deref(), Some("x y+"));
        assert_eq!(percent_decode("x+y"), "x+y");
        assert!(has("versioning", "versioning") && has("a=&b", "a") && !has("a", "b"));
    }
}
