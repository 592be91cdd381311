//! The colours of the picture, for light pages and for dark ones, as a style sheet of plain classes.
//!
//! Custom properties would be shorter, but many programs that turn SVG into other formats do not know them.

use std::fmt::Write;

/// The colours of one theme.
struct Theme {
    page: &'static str,
    text: &'static str,
    frame: Pair,
    input: Pair,
    shared: Pair,
    tasks: [Pair; N_TASK_COLORS],
}

/// The inside of a box, and its border and arrows.
struct Pair(&'static str, &'static str);

/// Tasks beyond these begin again with the first colour.
pub(super) const N_TASK_COLORS: usize = 6;

const LIGHT: Theme = Theme {
    page: "#ffffff",
    text: "#1c2128",
    frame: Pair("#f6f8fa", "#d0d7de"),
    input: Pair("#ffffff", "#6e7781"),
    shared: Pair("#e4e8ec", "#57606a"),
    tasks: [
        Pair("#dceafb", "#1f66b5"),
        Pair("#fde8d0", "#a95a06"),
        Pair("#d9f2e3", "#1a7a4a"),
        Pair("#efe2f8", "#7f3fa6"),
        Pair("#fde0e7", "#b3304f"),
        Pair("#d8f0f2", "#0f727a"),
    ],
};

const DARK: Theme = Theme {
    page: "#0d1117",
    text: "#e6edf3",
    frame: Pair("#151b23", "#3d444d"),
    input: Pair("#0d1117", "#8b949e"),
    shared: Pair("#2a313a", "#a8b3be"),
    tasks: [
        Pair("#12305a", "#79b4f5"),
        Pair("#46290a", "#f0a558"),
        Pair("#0f3a26", "#5fcb95"),
        Pair("#371f49", "#c79ae8"),
        Pair("#4a1a29", "#f48fab"),
        Pair("#0c393d", "#5ecad1"),
    ],
};

/// The style sheet: the light theme, and the dark one for readers who prefer it.
pub(super) fn style() -> String {
    let mut text = String::from(
        ".ple text { font-family: system-ui, -apple-system, \"Segoe UI\", Roboto, \"Helvetica Neue\", \"DejaVu Sans\", sans-serif }\n\
         .ple .b { font-weight: 600 }\n\
         .ple .box, .ple .frame, .ple .cell { stroke-width: 1.3 }\n\
         .ple .way { fill: none; stroke-width: 1.6 }\n\
         .ple .reads { stroke-dasharray: 4 4; stroke-width: 1.3 }\n",
    );
    text += &rules(&LIGHT);
    text += "@media (prefers-color-scheme: dark) {\n";
    text += &rules(&DARK);
    text += "}\n";
    text
}

/// What a node's or an edge's classes end in.
pub(super) fn task_class(task: usize) -> String {
    format!("t{}", task % N_TASK_COLORS)
}

fn rules(theme: &Theme) -> String {
    let mut text = String::new();
    let Theme { page, text: ink, frame, input, shared, tasks } = theme;
    let mut rule = |line: std::fmt::Arguments<'_>| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, ".ple {line}");
    };
    rule(format_args!(".page, .ple .cell {{ fill: {page} }}"));
    rule(format_args!("text {{ fill: {ink} }}"));
    rule(format_args!(".frame {{ fill: {}; stroke: {} }}", frame.0, frame.1));
    let tasks = tasks.iter().enumerate().map(|(task, pair)| (task_class(task), pair));
    let others = [("input".to_owned(), input), ("shared".to_owned(), shared)];
    for (name, Pair(inside, border)) in others.into_iter().chain(tasks) {
        rule(format_args!(".box.{name} {{ fill: {inside} }}"));
        rule(format_args!(".{name} {{ stroke: {border} }}"));
        rule(format_args!(".head.{name} {{ fill: {border} }}"));
    }
    text
}
