//! Answers for people: tables, and names with their values.
//!
//! What stands in a cell came from visitors. The invariant: nothing that a terminal would obey reaches it.

/// The widest cell of a table: the longest id fits, to be copied. JSON has all of it.
const WIDEST: usize = 72;

/// `text` on one line, with every control and direction character replaced.
pub(super) fn plain(text: &str) -> String {
    let safe = |c: char| match c {
        '\n' | '\r' | '\t' => ' ',
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        c if c.is_control() => '\u{fffd}',
        c => c,
    };
    text.chars().map(safe).collect()
}

/// Columns under their names, as wide as they need to be; nothing to show is said in a word.
pub(super) fn rows(names: &[&str], rows: &[Vec<String>]) -> String {
    if rows.is_empty() {
        return "none".to_owned();
    }
    let rows: Vec<Vec<String>> =
        rows.iter().map(|row| row.iter().map(|cell| short(&plain(cell))).collect()).collect();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain([names[column].chars().count()]).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..names.len()).map(width).collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let padded: Vec<String> = cells.zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        padded.join("  ").trim_end().to_owned()
    };
    let header = line(&mut names.iter().copied());
    let body = rows.iter().map(|row| line(&mut row.iter().map(String::as_str)));
    std::iter::once(header).chain(body).collect::<Vec<_>>().join("\n")
}

/// Names and their values, a line each.
pub(super) fn fields<'a>(pairs: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let pairs: Vec<_> = pairs.into_iter().collect();
    let width = pairs.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
    let line =
        |(name, value): (&str, String)| format!("{name:<width$}  {}", plain(&value)).trim_end().to_owned();
    pairs.into_iter().map(line).collect::<Vec<_>>().join("\n")
}

fn short(text: &str) -> String {
    if text.chars().count() <= WIDEST {
        return text.to_owned();
    }
    text.chars().take(WIDEST - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_under_their_names() {
        let table =
            rows(&["id", "state"], &[vec!["evt_1".into(), "written".into()], vec!["é".into(), "".into()]]);
        assert_eq!(table, "id     state\nevt_1  written\né");
        assert_eq!(rows(&["id"], &[]), "none");
        let long = rows(&["id"], &[vec!["x".repeat(80)]]);
        assert!(long.ends_with(&format!("{}…", "x".repeat(71))), "{long}");
    }

    #[test]
    fn a_terminal_is_told_nothing_by_a_visitor() {
        let evil = "\u{1b}[2Jname\u{7}\r\nnext\u{202e}\u{9b}31m";
        for shown in [plain(evil), rows(&["a"], &[vec![evil.into()]]), fields([("a", evil.into())])] {
            let said = shown.replace('\n', "");
            assert!(!said.chars().any(|c| c.is_control() || c == '\u{202e}'), "{said:?}");
        }
        assert_eq!(fields([("a", "1".into()), ("long", "2\n3".into())]), "a     1\nlong  2 3");
    }
}
