//! The documents of the workflows, searchable.
//!
//! Markdown is split at its headings and indexed in memory by SQLite's FTS5. The invariant: a workflow finds passages
//! of its own documents only, and a passage counts as found only if it holds a third of the words that were asked for.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use rusqlite::{Connection, params};
use serde::Serialize;

/// Longest passage, in characters; longer sections are split between paragraphs.
const LONGEST: usize = 1_500;
/// Most words of a query that count.
const MOST_TERMS: usize = 24;
/// Words from this length on also find longer words that begin with them.
const PREFIX_FROM: usize = 5;
/// A word in the heading weighs as much as this many in the text.
const HEADING_WEIGHT: f64 = 4.0;

/// Words that say nothing about what is asked for, in English and German.
const STOP_WORDS: &str = "a about all also am an and any are as at be been but by can could d did do does doing for \
    from get give had has have having hello hi how i if in into is it its just ll m may me my no not of off on one or \
    our please re s should so some t tell than thank thanks long many much take takes that the their them then there these they this those to up \
    us ve very want was we were what when where which who whom whose why will with would you your yours \
    aber alle als am an auch auf aus bei bin bitte da das dass dein deine dem den denn der des die dies diese du ein \
    eine einem einen einer es euch euer eure es für gibt habe haben hallo hat ich ihr ihre im in ist kann kannst können \
    man mein meine mich mir mit nach nicht noch oder sich sie sind so über um und uns unser unsere von vom vor war was \
    wenn wer werden wie wir wird wo zu zum zur";

/// A Markdown document of a workflow.
#[derive(Clone, Copy, Debug)]
pub struct Document<'a> {
    /// Slug of the workflow that may read it.
    pub workflow: &'a str,
    /// Its name.
    pub file: &'a str,
    /// The Markdown.
    pub text: &'a str,
}

/// A part of a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Passage {
    /// The document's name.
    pub file: String,
    /// The headings above it, outermost first.
    pub heading: String,
    /// What it says.
    pub text: String,
}

/// An index over documents.
pub struct Knowledge(Mutex<Connection>);

// === impl Knowledge ===

impl Knowledge {
    /// Indexes `documents`.
    ///
    /// # Errors
    /// SQLite's.
    pub fn new<'a>(documents: impl IntoIterator<Item = Document<'a>>) -> rusqlite::Result<Self> {
        let mut connection = Connection::open_in_memory()?;
        connection.execute_batch(
            "CREATE VIRTUAL TABLE passages USING fts5(heading, text, workflow UNINDEXED, file UNINDEXED,
                tokenize = 'porter unicode61 remove_diacritics 2')",
        )?;
        let transaction = connection.transaction()?;
        for Document { workflow, file, text } in documents {
            let mut insert = transaction.prepare_cached(
                "INSERT INTO passages (heading, text, workflow, file) VALUES (?1, ?2, ?3, ?4)",
            )?;
            for passage in split(file, text) {
                insert.execute(params![passage.heading, passage.text, workflow, file])?;
            }
        }
        transaction.commit()?;
        Ok(Self(Mutex::new(connection)))
    }

    /// The passages of the workflow's documents that fit `query` best, at most `most`.
    ///
    /// # Errors
    /// SQLite's.
    pub fn search(&self, workflow: &str, query: &str, most: usize) -> rusqlite::Result<Vec<Passage>> {
        let terms = terms(query);
        // a panic while reading leaves nothing half-done
        let connection = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut matched: HashMap<i64, usize> = HashMap::new();
        let mut find = connection
            .prepare_cached("SELECT rowid FROM passages WHERE passages MATCH ?1 AND workflow = ?2")?;
        for term in &terms {
            for row in find.query_map(params![term, workflow], |row| row.get(0))? {
                *matched.entry(row?).or_default() += 1;
            }
        }
        matched.retain(|_, count| *count * 3 >= terms.len());
        if matched.is_empty() {
            return Ok(Vec::new());
        }
        let mut rank = connection.prepare_cached(
            "SELECT rowid, file, heading, text FROM passages WHERE passages MATCH ?1 AND workflow = ?2
                ORDER BY bm25(passages, ?3, 1.0)",
        )?;
        let rows = rank.query_map(params![terms.join(" OR "), workflow, HEADING_WEIGHT], |row| {
            let passage = Passage { file: row.get(1)?, heading: row.get(2)?, text: row.get(3)? };
            Ok((row.get::<_, i64>(0)?, passage))
        })?;
        let mut found = rows.collect::<rusqlite::Result<Vec<_>>>()?;
        found.retain(|(id, _)| matched.contains_key(id));
        // SQLite's order decides among passages that hold equally many of the words
        found.sort_by_key(|(id, _)| std::cmp::Reverse(matched[id]));
        Ok(found.into_iter().take(most).map(|(_, passage)| passage).collect())
    }
}

impl std::fmt::Debug for Knowledge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Knowledge").finish_non_exhaustive()
    }
}

/// The words of a query that say what is asked for, quoted for FTS5.
fn terms(query: &str) -> Vec<String> {
    let words = query.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let mut terms: Vec<String> = Vec::new();
    for word in words.map(str::to_lowercase) {
        if STOP_WORDS.split_whitespace().any(|stop| stop == word) {
            continue;
        }
        let prefix = if word.chars().count() >= PREFIX_FROM { "*" } else { "" };
        let term = format!("\"{word}\"{prefix}");
        if !terms.contains(&term) && terms.len() < MOST_TERMS {
            terms.push(term);
        }
    }
    terms
}

/// The document's sections, each under its headings, none longer than [`LONGEST`].
fn split(file: &str, text: &str) -> Vec<Passage> {
    let mut passages = Vec::new();
    let mut headings: Vec<(usize, String)> = Vec::new();
    let mut section = String::new();
    let mut fenced = false;
    let mut close = |headings: &[(usize, String)], section: &mut String| {
        let heading = headings.iter().map(|(_, title)| title.as_str()).collect::<Vec<_>>().join(" › ");
        for text in pieces(section) {
            passages.push(Passage { file: file.to_owned(), heading: heading.clone(), text });
        }
        section.clear();
    };
    for line in text.lines() {
        fenced ^= line.trim_start().starts_with("```");
        match heading(line).filter(|_| !fenced) {
            Some((level, title)) => {
                close(&headings, &mut section);
                headings.retain(|(above, _)| *above < level);
                headings.push((level, title.to_owned()));
            }
            None => {
                section.push_str(line);
                section.push('\n');
            }
        }
    }
    close(&headings, &mut section);
    passages
}

fn heading(line: &str) -> Option<(usize, &str)> {
    let level = line.bytes().take_while(|b| *b == b'#').count();
    let title = line.get(level..)?.strip_prefix(' ')?.trim();
    ((1..=6).contains(&level) && !title.is_empty()).then_some((level, title))
}

/// The section in pieces of at most [`LONGEST`] characters, cut between paragraphs where that is possible.
fn pieces(section: &str) -> Vec<String> {
    let mut pieces: Vec<String> = Vec::new();
    for paragraph in section.split("\n\n").map(str::trim).filter(|text| !text.is_empty()) {
        let characters: Vec<char> = paragraph.chars().collect();
        for part in characters.chunks(LONGEST) {
            let part: String = part.iter().collect();
            match pieces.last_mut() {
                Some(last) if last.chars().count() + part.chars().count() + 2 <= LONGEST => {
                    last.push_str("\n\n");
                    last.push_str(&part);
                }
                _ => pieces.push(part),
            }
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use domain::workflow::{Registry, document};

    use super::*;

    fn built_in() -> Knowledge {
        let registry = Registry::built_in();
        let documents = registry.iter().flat_map(|workflow| {
            workflow.knowledge.iter().map(|file| Document {
                workflow: &workflow.slug,
                file,
                text: document(file).unwrap(),
            })
        });
        Knowledge::new(documents.collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn questions_find_their_section_first() {
        let knowledge = built_in();
        for (query, heading) in [
            ("Which CRM systems do you set up?", "Services › CRM set-up"),
            ("is there a refund", "Pricing questions › Is there a refund?"),
            ("do you offer discounts?", "Pricing questions › Are there discounts?"),
            ("GDPR data protection", "Services › Data protection"),
            ("How long does the audit take?", "How we work › Audit"),
        ] {
            let found = knowledge.search("lead-concierge", query, 3).unwrap();
            assert_eq!(found.first().map(|passage| passage.heading.as_str()), Some(heading), "{query}");
        }
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        let knowledge = built_in();
        for query in
            ["Do you sell bicycles in Lisbon?", "what is the", "", "\" OR NOT (", "quantum chromodynamics"]
        {
            assert_eq!(knowledge.search("lead-concierge", query, 3).unwrap(), [], "{query}");
        }
    }

    #[test]
    fn a_workflow_reads_its_own_documents_only() {
        let knowledge = built_in();
        assert!(!knowledge.search("ops-copilot", "weekly summary", 3).unwrap().is_empty());
        assert!(knowledge.search("lead-concierge", "weekly summary parked rows", 3).unwrap().is_empty());
        assert!(knowledge.search("nobody", "weekly summary", 3).unwrap().is_empty());
    }

    #[test]
    fn sections_know_the_headings_above_them() {
        let text = "intro\n# A\none\n## B\ntwo\n```\n# no heading\n```\n### C\nthree\n## D\nfour\n#E\n";
        let split = split("a.md", text);
        let shown: Vec<_> = split.iter().map(|p| (p.heading.as_str(), p.text.as_str())).collect();
        assert_eq!(
            shown,
            [
                ("", "intro"),
                ("A", "one"),
                ("A › B", "two\n```\n# no heading\n```"),
                ("A › B › C", "three"),
                ("A › D", "four\n#E")
            ]
        );
    }

    #[test]
    fn long_sections_are_cut_between_paragraphs() {
        let paragraph = "ü".repeat(900);
        let text = format!("# A\n{paragraph}\n\n{paragraph}\n\n{}", "x".repeat(LONGEST + 1));
        let lengths: Vec<_> = split("a.md", &text).iter().map(|p| p.text.chars().count()).collect();
        assert_eq!(lengths, [900, 900, LONGEST, 1]);
    }
}
