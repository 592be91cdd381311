//! Room for recursion: the runtime that proves a file walks through its graph by recursion, as deep as there are layers.

use crate::error::OnnxError;

/// What a thread has for everything else.
const STACK_BYTES: usize = 16 << 20;
/// What a node of the graph may take. A few hundred bytes were seen.
const BYTES_OF_A_NODE: usize = 4 << 10;

/// Does something on a thread of its own whose stack is deep enough for a graph of so many nodes. Pages of a stack that
/// are never reached take no memory.
///
/// # Errors
/// Those of `work`, and [`OnnxError::Runtime`] where the system gives no thread with such a stack.
pub(crate) fn on_deep_stack<T: Send>(
    n_nodes: usize,
    work: impl FnOnce() -> Result<T, OnnxError> + Send,
) -> Result<T, OnnxError> {
    let stack = n_nodes.saturating_mul(BYTES_OF_A_NODE).saturating_add(STACK_BYTES);
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("proof".to_owned()).stack_size(stack);
        let thread = thread.spawn_scoped(scope, work).map_err(|error| OnnxError::Runtime {
            detail: format!("no thread with a stack of {stack} bytes: {error}"),
        })?;
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

#[cfg(test)]
mod tests {
    use super::on_deep_stack;

    /// A recursion that no compiler makes a loop of.
    fn depth(n: usize, rows: &mut Vec<[u8; 512]>) -> usize {
        let row = [n as u8; 512];
        rows.push(std::hint::black_box(row));
        let deeper = if n == 0 { 0 } else { depth(n - 1, rows) };
        rows.pop().map_or(0, |row| usize::from(row[0] > 0)) + deeper
    }

    #[test]
    fn a_recursion_of_many_nodes_fits() {
        let found = on_deep_stack(50_000, || Ok(depth(50_000, &mut Vec::new()))).unwrap();
        // Of the numbers 0 to 50,000 every 256th is 0 in a byte.
        assert_eq!(found, 50_001 - (50_000 / 256 + 1));
    }
}
