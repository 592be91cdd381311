//! Going on from a checkpoint: what it holds besides the model, what may have changed since, and the way back into a run.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use ple_data::RowSource;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::balance::BalanceState;
use crate::carried_moments::CarriedSteps;
use crate::checkpoint::{FILE_NAME, Listing, Manifest, Position, RunFacts, Saved, Stored, to_json};
use crate::early_stopping::StopperState;
use crate::error::TrainError;
use crate::fit::Start;
use crate::loading::read_verified;
use crate::observer::Evaluation;
use crate::optimizer::SavedSteps;
use crate::run::{Run, fingerprint, hexadecimal};

/// The state of a run besides its tensors, its position and its early stopping.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RunState {
    /// Counts the checkpoints of a folder: the newest has the largest.
    pub(crate) saved: u64,
    /// Rows trained on.
    pub(crate) rows: u64,
    /// What identifies the validation data.
    pub(crate) validation_fingerprint: Option<String>,
    /// The steps of each matrix, by its first parameter: one that receives no gradient takes none.
    pub(crate) optimizer_steps: BTreeMap<String, u64>,
    /// The steps of earlier runs whose moments this one began with.
    #[serde(default, skip_serializing_if = "CarriedSteps::is_none")]
    pub(crate) carried: CarriedSteps,
    /// What the balancing strategy keeps between steps.
    #[serde(default, skip_serializing_if = "BalanceState::is_empty")]
    pub(crate) balance: BalanceState,
    /// The sum of each task's losses since the last evaluation, and their number.
    pub(crate) losses: Vec<(f64, u64)>,
    /// Whether the last step has an evaluation to come, which was interrupted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) evaluation_to_come: bool,
    /// Every evaluation so far.
    pub(crate) evaluations: Vec<Evaluation>,
    /// The position of the best one.
    pub(crate) best: Option<usize>,
    /// The step whose checkpoint has the best weights.
    pub(crate) best_step: Option<u64>,
    /// Whether the run is over, so that another one may take the place of its checkpoints.
    #[serde(default)]
    pub(crate) is_over: bool,
}

/// From where a run goes on.
#[derive(Debug)]
pub struct Resumed {
    /// The checkpoint.
    pub place: PathBuf,
    /// The epoch, counted from 1.
    pub epoch: u64,
    /// The steps taken in the whole run.
    pub step: u64,
    /// What is not as it was when the checkpoint was saved, and may differ.
    pub changes: Vec<Change>,
    /// Newer checkpoints that do not verify, each with what is wrong with it.
    pub passed_over: Vec<(PathBuf, TrainError)>,
    /// Every evaluation so far.
    pub evaluations: Vec<Evaluation>,
}

/// Something that is not as it was when a checkpoint was saved.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// What.
    pub what: String,
    /// What it was.
    pub was: String,
    /// What it is now.
    pub now: String,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} was {} and is {}", self.what, self.was, self.now)
    }
}

impl Run<'_> {
    /// Puts the run where its newest checkpoint that verifies left it, if it is to go on.
    pub(crate) fn resume(&mut self) -> Result<Option<Resumed>, TrainError> {
        let (Some(checkpoints), Some(folder)) = (&self.input.checkpoints, self.folder.clone()) else {
            return Ok(None);
        };
        if checkpoints.start != Start::GoOn {
            return Ok(None);
        }
        let Listing { saved, damaged: mut passed_over } = folder.list()?;
        for Saved { place, manifest, .. } in saved {
            let changes = self.judge(&place, &manifest)?;
            // The best weights first, so that nothing has changed where they turn out to be damaged.
            match read_with_best(&place, &manifest, |step| folder.place(step)) {
                Ok((stored, best, state)) => {
                    state.check(&place, manifest.run.position, self.extent())?;
                    self.restore(&place, &stored, best, &state)?;
                    let (epoch, step) = (self.report.epochs, self.report.steps);
                    let evaluations = self.report.evaluations.clone();
                    return Ok(Some(Resumed { place, epoch, step, changes, passed_over, evaluations }));
                }
                // Its bytes are those that were saved, and no run saved such a value.
                Err(error @ TrainError::CheckpointValue { .. }) => return Err(error),
                Err(error) => passed_over.push((place, error)),
            }
        }
        match passed_over.into_iter().next() {
            Some((_, error)) => Err(error),
            None => Err(TrainError::NothingToResume { path: checkpoints.folder.clone() }),
        }
    }

    /// What is not as it was: an error if the run could not end with the same bytes.
    fn judge(&self, place: &Path, manifest: &Manifest) -> Result<Vec<Change>, TrainError> {
        let was = &manifest.run;
        self.check_transformation(place, was)?;
        let tensors = manifest.tensors.iter().map(|record| record.name.as_str());
        self.optimizer.check_slots(&self.model.store, place, tensors)?;
        let config = serde_json::json!({
            "model": to_json(self.model.model.config()),
            "training": self.report.facts.config,
        });
        let mut changes = Vec::new();
        compare("feature schema", &was.schema, &to_json(&self.model.schema), &mut changes);
        compare("", &was.config, &config, &mut changes);
        let validation = was.state.as_ref().and_then(|state| state["validation_fingerprint"].as_str());
        let validation = validation.unwrap_or("none").to_owned();
        let texts = [
            (
                "training data",
                was.data_fingerprint.clone(),
                data_now(&was.data_fingerprint, Some(&self.input.train)),
            ),
            ("validation data", validation.clone(), data_now(&validation, self.input.validation.as_ref())),
            ("instruction set", was.instruction_set.clone(), self.report.facts.instruction_set.clone()),
        ];
        for (what, was, now) in texts.into_iter().filter(|(_, was, now)| was != now) {
            changes.push(Change { what: what.to_owned(), was, now });
        }
        let is_free = |change: &Change| match change.what.as_str() {
            "training.epochs" => !self.config.optimizer.schedule.depends_on_length(),
            // The numbers stay as good; only their last bits depend on it.
            "instruction set" => true,
            // What is watched besides stands under early_stopping.
            what if what.starts_with("training.metrics") => true,
            _ => false,
        };
        match changes.iter().find(|change| !is_free(change)) {
            None => Ok(changes),
            Some(Change { what, was, now }) => Err(TrainError::OtherRun {
                path: place.to_owned(),
                what: what.clone(),
                was: was.clone(),
                now: now.clone(),
            }),
        }
    }

    /// Fails if the rows are those of another transformation than when the checkpoint was saved.
    fn check_transformation(&self, place: &Path, was: &RunFacts) -> Result<(), TrainError> {
        let now = self.input.train.origin();
        match (was.transformation, now.hash().zip(now.carrier())) {
            (Some(expected), Some((found, file))) if expected != found => {
                Err(TrainError::OtherTransformation {
                    what: file.display().to_string(),
                    found: found.short(),
                    model: format!("the run in {}", place.display()),
                    expected: expected.short(),
                })
            }
            _ => Ok(()),
        }
    }

    fn restore(
        &mut self,
        place: &Path,
        stored: &Stored,
        best: Option<Stored>,
        state: &RunState,
    ) -> Result<(), TrainError> {
        let facts = &stored.manifest.run;
        if let (Some(stopper), Some(saved)) = (&mut self.stopper, &facts.early_stopping) {
            stopper.restore(parse::<StopperState>(place, saved)?)?;
        }
        if let (Some(best), Some(step)) = (best, state.best_step) {
            self.model.set_values(place, &best)?;
            self.best = Some((self.model.store.snapshot(), step));
        }
        self.model.set_values(place, stored)?;
        let steps = SavedSteps {
            step: facts.position.step,
            matrices: &state.optimizer_steps,
            carried: &state.carried,
        };
        self.optimizer.restore(&mut self.model.store, &steps, &stored.tensors, place)?;
        self.balancer.restore(&state.balance).map_err(|problem| invalid(place, problem))?;
        self.losses.clone_from(&state.losses);
        self.evaluation_to_come = state.evaluation_to_come;
        let report = &mut self.report;
        report.epochs = facts.position.epoch + 1;
        report.steps = facts.position.step;
        (report.rows, report.rows_before) = (state.rows, state.rows);
        report.evaluations.clone_from(&state.evaluations);
        report.best = state.best;
        report.facts.position = facts.position;
        report.facts.early_stopping.clone_from(&facts.early_stopping);
        report.facts.metrics.clone_from(&facts.metrics);
        self.model.transformation = self.model.transformation.or(facts.transformation);
        Ok(())
    }
}

/// What identifies data now, to be compared with what a checkpoint says: by a hash of an earlier version, if that is what
/// the checkpoint has.
fn data_now(was: &str, rows: Option<&RowSource>) -> String {
    let Some(rows) = rows else { return "none".to_owned() };
    let earlier = rows.earlier_fingerprint().map(hexadecimal).filter(|earlier| earlier == was);
    earlier.unwrap_or_else(|| fingerprint(rows))
}

impl RunState {
    /// The state in a manifest.
    ///
    /// # Errors
    /// [`TrainError::CheckpointConfig`].
    pub(crate) fn parse(place: &Path, value: &Value) -> Result<Self, TrainError> {
        parse(place, value)
    }

    /// Fails unless the numbers of the state fit each other and the run: a run has as many tasks as losses, and has taken
    /// no more steps than it may.
    fn check(
        &self,
        place: &Path,
        position: Position,
        (n_tasks, n_steps): (usize, u64),
    ) -> Result<(), TrainError> {
        let problem = if self.losses.len() != n_tasks {
            format!("it has losses of {} tasks, and the model {n_tasks}", self.losses.len())
        } else if self.best.is_some_and(|best| best >= self.evaluations.len()) {
            format!("its best evaluation is not among its {}", self.evaluations.len())
        } else if position.step > n_steps || position.epoch > position.step {
            format!("it is at step {} of {n_steps}", position.step)
        } else if self.losses.iter().any(|(sum, _)| !sum.is_finite()) {
            "it has a loss that is not finite".to_owned()
        } else {
            return Ok(());
        };
        Err(invalid(place, problem))
    }
}

/// A checkpoint, the one with the best weights (which may be the same), and the state, all verified.
fn read_with_best(
    place: &Path,
    manifest: &Manifest,
    place_of: impl Fn(u64) -> PathBuf,
) -> Result<(Stored, Option<Stored>, RunState), TrainError> {
    let nothing = || TrainError::NothingToResume { path: place.to_owned() };
    let state = RunState::parse(place, manifest.run.state.as_ref().ok_or_else(nothing)?)?;
    let stored = read_verified(place, manifest.clone())?;
    let best = match state.best_step {
        Some(step) if step == manifest.run.position.step => Some(stored.clone()),
        Some(step) => {
            let place = place_of(step);
            Some(read_verified(&place, Manifest::load(&place)?)?)
        }
        None => None,
    };
    Ok((stored, best, state))
}

fn parse<T: for<'de> Deserialize<'de>>(place: &Path, value: &Value) -> Result<T, TrainError> {
    serde_json::from_value(value.clone()).map_err(|error| invalid(place, error.to_string()))
}

fn invalid(place: &Path, detail: String) -> TrainError {
    TrainError::CheckpointConfig { path: place.join(FILE_NAME), what: "state of the run", detail }
}

/// The leaves of two JSON values that differ.
fn compare(path: &str, was: &Value, now: &Value, changes: &mut Vec<Change>) {
    match (was, now) {
        (Value::Object(was), Value::Object(now)) => {
            let keys: std::collections::BTreeSet<&String> = was.keys().chain(now.keys()).collect();
            for key in keys {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                let of =
                    |object: &serde_json::Map<String, Value>| object.get(key).cloned().unwrap_or(Value::Null);
                compare(&path, &of(was), &of(now), changes);
            }
        }
        (Value::Array(was), Value::Array(now)) if was.len() == now.len() => {
            for (index, (was, now)) in was.iter().zip(now).enumerate() {
                compare(&format!("{path}.{index}"), was, now, changes);
            }
        }
        _ if was != now => {
            let (what, was, now) = (path.to_owned(), short(was), short(now));
            changes.push(Change { what, was, now });
        }
        _ => {}
    }
}

/// A value in a message; a long one is cut.
fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}
