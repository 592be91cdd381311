//! The words of the figure: what stands in a box, the same in every format.

use super::structure::{Diagram, FeatureGroup, FeatureGroupKind, LevelNames, Node, NodeKind, Stream};

impl Diagram {
    /// What stands in a node's box: its title, then what it does and how many learned values it has.
    pub fn lines(&self, node: &Node) -> Vec<String> {
        let chain = chain(&node.widths);
        let parameters = counted(node.parameters, "parameter");
        match &node.kind {
            NodeKind::Features(group) => {
                let mut lines = vec![counted(group.names.len(), kind_name(group.kind)), group_words(group)];
                lines.extend((node.parameters > 0).then_some(parameters));
                lines
            }
            NodeKind::Embeddings => {
                let columns = counted(node.widths[0], "column");
                vec![match node.layers.is_empty() {
                    true => format!("embeddings: {columns}"),
                    false => format!("embeddings: {columns}, {}", node.layers),
                }]
            }
            NodeKind::Experts { count, .. } => {
                let each = if *count == 1 { "" } else { " each" };
                vec![self.owned(node, &counted(*count, "expert")), format!("{chain}{each}"), parameters]
            }
            NodeKind::Gate { n_experts, .. } => {
                let mixes = format!("mixes {}", counted(*n_experts, "expert"));
                vec![self.owned(node, "gate"), mixes, parameters]
            }
            NodeKind::Part(part) => vec![self.owned(node, part.name), chain, parameters],
            NodeKind::Tower => vec![self.owned(node, "tower"), chain, parameters],
            NodeKind::Output { name, link } => vec![name.clone(), link.predicts().to_owned()],
        }
    }

    /// What there is to say of a node besides: the names of its features, or what its layers do.
    pub(super) fn more(&self, node: &Node) -> String {
        /// A longer list would fill the screen.
        const MOST_NAMES: usize = 60;
        match &node.kind {
            NodeKind::Features(group) => {
                let listed =
                    group.names.iter().take(MOST_NAMES).map(String::as_str).collect::<Vec<_>>().join(", ");
                match group.names.len().checked_sub(MOST_NAMES) {
                    None | Some(0) => listed,
                    Some(more) => format!("{listed} and {more} more"),
                }
            }
            _ => node.layers.clone(),
        }
    }

    /// The title of the whole, such as `PLE: 2 levels, 3 tasks`.
    pub fn title(&self) -> String {
        let tasks = counted(self.tasks.len(), "task");
        match self.level_names {
            LevelNames::Numbered => {
                format!("{}: {}, {tasks}", self.architecture, counted(self.n_levels, "level"))
            }
            LevelNames::One => format!("{}: {tasks}", self.architecture),
        }
    }

    /// The line below the title.
    pub(super) fn subtitle(&self) -> String {
        let (all, tables) = (self.parameters(), self.table_parameters());
        let [in_tables, in_network] = [tables, all - tables].map(grouped);
        format!("{}: {in_tables} in embeddings, {in_network} in the network", counted(all, "parameter"))
    }

    /// What the frame around a level says: its name, and how many learned values it has.
    pub(super) fn level_lines(&self, level: usize) -> Vec<String> {
        let name = match self.level_names {
            LevelNames::Numbered => format!("level {level}"),
            LevelNames::One => "mixture".to_owned(),
        };
        let members = self.nodes.iter().filter(|node| node.level() == Some(level));
        let parameters = members.map(|node| node.parameters).sum();
        let mut lines = vec![name];
        lines.extend(counted(parameters, "parameter").split(' ').map(str::to_owned));
        lines
    }

    /// What the layers of each kind of box do, in a line for each kind, and what a dashed arrow means.
    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let mut kinds: Vec<&str> = Vec::new();
        for name in self.nodes.iter().filter_map(|node| plural_name(&node.kind)) {
            if !kinds.contains(&name) {
                kinds.push(name);
            }
        }
        for name in kinds {
            let members = self.nodes.iter().filter(|node| plural_name(&node.kind) == Some(name));
            let mut layers: Vec<&str> = members.map(|node| node.layers.as_str()).collect();
            layers.dedup();
            match layers[..] {
                [] => {}
                [all] => notes.push(format!("{name}: {all}")),
                _ => notes.push(format!("{name}: differ from task to task")),
            }
        }
        if self.n_levels > 0 {
            notes.push("dashed: what a gate reads to find its weights".to_owned());
        }
        notes
    }

    /// The whole figure in words, for those who cannot see it.
    pub(super) fn description(&self) -> String {
        let boxes = self.nodes.iter().map(|node| {
            let place = match node.level() {
                Some(level) if self.level_names == LevelNames::Numbered => format!("level {level}, "),
                _ => String::new(),
            };
            format!("{place}{}", self.lines(node).join(", "))
        });
        format!(
            "{}. From the input to the outputs: {}.",
            self.subtitle(),
            boxes.collect::<Vec<_>>().join("; ")
        )
    }

    fn owned(&self, node: &Node, what: &str) -> String {
        match (node.stream, what.split_once(' ')) {
            (Stream::Task(_), _) => format!("{what} of {}", self.task(node)),
            (_, Some((count, what))) => format!("{count} shared {what}"),
            (_, None) => format!("shared {what}"),
        }
    }

    fn task(&self, node: &Node) -> &str {
        match node.stream {
            Stream::Task(task) => &self.tasks[task],
            Stream::Shared | Stream::Input => "all tasks",
        }
    }
}

/// What the boxes with layers are called together.
fn plural_name(kind: &NodeKind) -> Option<&'static str> {
    match kind {
        NodeKind::Experts { .. } => Some("experts"),
        NodeKind::Gate { .. } => Some("gates"),
        NodeKind::Part(part) => Some(part.plural),
        NodeKind::Tower => Some("towers"),
        NodeKind::Features(_) | NodeKind::Embeddings | NodeKind::Output { .. } => None,
    }
}

fn kind_name(kind: FeatureGroupKind) -> &'static str {
    match kind {
        FeatureGroupKind::Sparse => "sparse feature",
        FeatureGroupKind::Sequence => "sequence feature",
        FeatureGroupKind::Binned => "binned feature",
        FeatureGroupKind::Dense => "dense feature",
    }
}

/// What a group of features brings in: ids or bins, and columns.
fn group_words(group: &FeatureGroup) -> String {
    let (least, most) = group.columns_each;
    let columns = match (least == most, group.names.len()) {
        (true, 1) => counted(most, "column"),
        (true, _) => format!("{} each", counted(most, "column")),
        (false, _) => format!("{} to {} columns", grouped(least), grouped(most)),
    };
    match group.kind {
        FeatureGroupKind::Dense => columns,
        FeatureGroupKind::Binned => format!("{}, {columns}", counted(group.ids, "bin")),
        FeatureGroupKind::Sparse | FeatureGroupKind::Sequence if group.ids == 0 => {
            let tables = if group.names.len() == 1 { "a shared table" } else { "shared tables" };
            format!("{tables}, {columns}")
        }
        FeatureGroupKind::Sparse | FeatureGroupKind::Sequence => {
            format!("{}, {columns}", counted(group.ids, "id"))
        }
    }
}

/// `376 → 128 → 64`.
fn chain(widths: &[usize]) -> String {
    widths.iter().map(|&width| grouped(width)).collect::<Vec<_>>().join(" → ")
}

/// A number and what it counts, in the plural where it is not one.
fn counted(count: usize, what: &str) -> String {
    let end = if count == 1 { "" } else { "s" };
    format!("{} {what}{end}", grouped(count))
}

/// A number with its thousands apart.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{counted, grouped};

    #[test]
    fn thousands_stand_apart() {
        let numbers = [0, 999, 1_000, 918_884, 25_000_000].map(grouped);
        assert_eq!(numbers, ["0", "999", "1,000", "918,884", "25,000,000"]);
    }

    #[test]
    fn one_is_singular() {
        assert_eq!(
            [counted(1, "gate"), counted(2, "gate"), counted(0, "gate")],
            ["1 gate", "2 gates", "0 gates"]
        );
    }
}
