//! Where work runs: threads of our own, because libuv's four also read files, and a long build on them would delay
//! those. Queries, writes and background work have lanes of their own, so that none waits for another.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use napi::bindgen_prelude::{Object, ToNapiValue};
use napi::{Env, Error, JsDeferred, Result, Status};

use crate::IndexError;

type Job = Box<dyn FnOnce() + Send>;
type Resolver<T> = Box<dyn FnOnce(Env) -> Result<T> + Send>;
type Outcome<T> = std::result::Result<T, IndexError>;

#[derive(Clone, Copy)]
pub(crate) enum Lane {
    Query,
    Write,
    /// Builds that somebody waits for. They take minutes and must not hold writes up.
    Build,
}

#[derive(Default)]
struct Queue {
    jobs: Mutex<VecDeque<Job>>,
    ready: Condvar,
}

/// Starts with its first job. Where not one thread can be had, that job fails, and the next tries again.
fn queue(lane: Lane) -> Outcome<Arc<Queue>> {
    static QUEUES: Mutex<[Option<Arc<Queue>>; 3]> = Mutex::new([const { None }; 3]);
    let mut queues = QUEUES.lock().unwrap_or_else(PoisonError::into_inner);
    let place = &mut queues[lane as usize];
    if let Some(queue) = place {
        return Ok(queue.clone());
    }
    let queue = match lane {
        Lane::Query => started("index-query", query_threads(), spawn)?,
        Lane::Write => started("index-write", 1, spawn)?,
        Lane::Build => started("index-settle", 1, spawn)?,
    };
    Ok(place.insert(queue).clone())
}

/// Asked once: the answer lies in files of the control group, and reading them takes as long as a short search.
fn query_threads() -> usize {
    static THREADS: OnceLock<usize> = OnceLock::new();
    *THREADS.get_or_init(|| thread::available_parallelism().map_or(1, usize::from))
}

/// Threads that work until the process ends. Where the machine gives fewer, those that there are do the work.
fn started(
    name: &str,
    threads: usize,
    spawn: impl Fn(&str, Arc<Queue>) -> std::io::Result<()>,
) -> Outcome<Arc<Queue>> {
    let queue = Arc::new(Queue::default());
    for number in 0..threads {
        match spawn(name, queue.clone()) {
            Err(error) if number == 0 => {
                return Err(IndexError::io("start a thread of", Path::new(name))(error));
            }
            Err(_) => break,
            Ok(()) => {}
        }
    }
    Ok(queue)
}

fn spawn(name: &str, queue: Arc<Queue>) -> std::io::Result<()> {
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || queue.work())
        .map(|_| ())
}

impl Queue {
    fn push(&self, job: Job) {
        self.jobs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push_back(job);
        self.ready.notify_one();
    }

    fn work(&self) {
        loop {
            let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
            let job = loop {
                if let Some(job) = jobs.pop_front() {
                    break job;
                }
                jobs = self
                    .ready
                    .wait(jobs)
                    .unwrap_or_else(PoisonError::into_inner);
            };
            drop(jobs);
            // Whoever waits for one that panics waits in vain; the lane goes on.
            let _ = catch_unwind(AssertUnwindSafe(job));
        }
    }
}

/// A promise of what `compute` returns on a thread of the lane. A panic rejects it.
pub(crate) fn promise<T>(
    env: &Env,
    lane: Lane,
    compute: impl FnOnce() -> Outcome<T> + Send + 'static,
) -> Result<Object<'_>>
where
    T: ToNapiValue + Send + 'static,
{
    let queue = queue(lane).map_err(|error| to_js(&error))?;
    let (deferred, promise) = env.create_deferred::<T, Resolver<T>>()?;
    queue.push(Box::new(move || settle(deferred, guarded(compute))));
    Ok(promise)
}

/// A promise of one answer per question, computed by all threads of the query lane together. What is not begun at `until`
/// is not begun any more: nobody waits for it, and others wait for the threads.
pub(crate) fn promise_all<Q, A, T>(
    env: &Env,
    questions: Vec<Q>,
    until: Option<Instant>,
    answer: impl Fn(&Q) -> Outcome<A> + Send + Sync + 'static,
    gather: impl FnOnce(Vec<A>) -> T + Send + 'static,
) -> Result<Object<'_>>
where
    Q: Send + Sync + 'static,
    A: Send + 'static,
    T: ToNapiValue + Send + 'static,
{
    let queue = queue(Lane::Query).map_err(|error| to_js(&error))?;
    let (deferred, promise) = env.create_deferred::<T, Resolver<T>>()?;
    let helpers = query_threads().min(questions.len()).max(1);
    let batch = Arc::new(Batch {
        answers: Mutex::new(questions.iter().map(|_| None).collect()),
        next: AtomicUsize::new(0),
        working: AtomicUsize::new(helpers),
        questions,
        until,
    });
    let finish: Finish<A> = Box::new(move |answers| settle(deferred, answers.map(gather)));
    let finish = Arc::new(Mutex::new(Some(finish)));
    let answer = Arc::new(answer);
    for _ in 0..helpers {
        let (batch, finish, answer) = (batch.clone(), finish.clone(), answer.clone());
        queue.push(Box::new(move || {
            batch.work(&*answer);
            // The last one to finish settles the promise.
            if batch.working.fetch_sub(1, Ordering::AcqRel) == 1
                && let Some(finish) = finish.lock().unwrap_or_else(PoisonError::into_inner).take()
            {
                finish(batch.outcome());
            }
        }));
    }
    Ok(promise)
}

type Finish<A> = Box<dyn FnOnce(Outcome<Vec<A>>) + Send>;

struct Batch<Q, A> {
    questions: Vec<Q>,
    until: Option<Instant>,
    next: AtomicUsize,
    answers: Mutex<Vec<Option<Outcome<A>>>>,
    working: AtomicUsize,
}

impl<Q, A> Batch<Q, A> {
    fn work(&self, answer: &(dyn Fn(&Q) -> Outcome<A> + Send + Sync)) {
        while let Some((at, question)) = self.take() {
            let is_late = self.until.is_some_and(|until| Instant::now() >= until);
            let answered = if is_late {
                Err(IndexError::Late)
            } else {
                guarded(|| answer(question))
            };
            self.answers.lock().unwrap_or_else(PoisonError::into_inner)[at] = Some(answered);
        }
    }

    fn take(&self) -> Option<(usize, &Q)> {
        let at = self.next.fetch_add(1, Ordering::Relaxed);
        Some((at, self.questions.get(at)?))
    }

    fn outcome(&self) -> Outcome<Vec<A>> {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers
            .drain(..)
            .map(|answer| answer.unwrap_or_else(|| Err(panicked())))
            .collect()
    }
}

/// `None` where there is no end, or none that the clock can tell.
pub(crate) fn until(within_ms: Option<f64>) -> Option<Instant> {
    let within = Duration::try_from_secs_f64(within_ms? / 1_000.0).ok()?;
    Instant::now().checked_add(within)
}

/// With the microseconds that it took.
pub(crate) fn timed<T>(work: impl FnOnce() -> Outcome<T>) -> Outcome<(T, u32)> {
    let started = Instant::now();
    let done = work()?;
    let took = u32::try_from(started.elapsed().as_micros()).unwrap_or(u32::MAX);
    Ok((done, took))
}

/// The answers of all calls, and what they took together.
pub(crate) fn untimed<T>(answers: Vec<(Vec<T>, u32)>) -> (Vec<T>, u32) {
    let took = answers
        .iter()
        .fold(0_u32, |sum, (_, took)| sum.saturating_add(*took));
    (answers.into_iter().flat_map(|(of, _)| of).collect(), took)
}

fn guarded<T>(compute: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
    catch_unwind(AssertUnwindSafe(compute)).unwrap_or_else(|_| Err(panicked()))
}

fn panicked() -> IndexError {
    IndexError::Corrupt("the native index panicked".into())
}

fn settle<T>(deferred: JsDeferred<T, Resolver<T>>, outcome: Outcome<T>)
where
    T: ToNapiValue + Send + 'static,
{
    match outcome {
        Ok(value) => deferred.resolve(Box::new(move |_| Ok(value))),
        Err(error) => deferred.reject(to_js(&error)),
    }
}

/// The message is `CODE: text`; the facade turns it into an error with that code.
pub(crate) fn to_js(error: &IndexError) -> Error {
    Error::new(Status::GenericFailure, format!("{}: {error}", error.code()))
}

/// Runs background work of an index until it is closed, at a lower priority than queries.
pub(crate) fn maintain(
    wait: impl Fn() -> bool + Send + 'static,
    settle: impl Fn() -> Outcome<usize> + Send + 'static,
    failed: impl Fn(&IndexError) + Send + 'static,
) -> std::result::Result<(), IndexError> {
    thread::Builder::new()
        .name("index-build".to_owned())
        .spawn(move || {
            lower_priority();
            while wait() {
                match guarded(&settle) {
                    Ok(_) | Err(IndexError::Closed) => {}
                    Err(error) => failed(&error),
                }
            }
        })
        .map(|_| ())
        .map_err(IndexError::io(
            "start a thread of",
            Path::new("index-build"),
        ))
}

/// Where the system does not allow it, builds compete with queries; nothing else changes.
fn lower_priority() {
    #[cfg(target_os = "linux")]
    {
        let thread = rustix::thread::gettid();
        let _ = rustix::process::setpriority_process(Some(thread), 10);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failing_from(first: usize) -> impl Fn(&str, Arc<Queue>) -> std::io::Result<()> {
        let asked = AtomicUsize::new(0);
        move |_, _| match asked.fetch_add(1, Ordering::Relaxed) {
            number if number < first => Ok(()),
            _ => Err(std::io::Error::other("no more threads")),
        }
    }

    #[test]
    fn a_panic_is_an_error_and_its_lane_goes_on() {
        let failed = guarded(|| -> Outcome<()> { panic!("on purpose") });
        assert!(matches!(failed, Err(IndexError::Corrupt(_))), "{failed:?}");
        let queue = started("index-test", 1, spawn).unwrap();
        let (tell, told) = std::sync::mpsc::channel();
        queue.push(Box::new(|| panic!("on purpose")));
        queue.push(Box::new(move || tell.send(()).unwrap()));
        told.recv_timeout(Duration::from_secs(60)).unwrap();
    }

    fn batch(questions: Vec<u32>, until: Option<Instant>) -> Batch<u32, u32> {
        Batch {
            answers: Mutex::new(questions.iter().map(|_| None).collect()),
            next: AtomicUsize::new(0),
            working: AtomicUsize::new(1),
            questions,
            until,
        }
    }

    #[test]
    fn questions_are_answered_in_their_order_and_one_that_panics_fails_the_call() {
        let all = batch(vec![1, 2, 3], None);
        all.work(&|question| Ok(question * 10));
        assert_eq!(all.outcome(), Ok(vec![10, 20, 30]));
        let one_panics = batch(vec![1, 2, 3], None);
        one_panics.work(&|question| {
            assert!(*question != 2, "on purpose");
            Ok(*question)
        });
        assert!(matches!(one_panics.outcome(), Err(IndexError::Corrupt(_))));
        let late = batch(vec![1], Some(Instant::now()));
        late.work(&|_| panic!("it is not begun"));
        assert_eq!(late.outcome(), Err(IndexError::Late));
    }

    #[test]
    fn a_lane_without_a_thread_is_an_error_and_with_fewer_it_works() {
        let none = started("index-query", 2, failing_from(0));
        assert!(matches!(none, Err(IndexError::Io { .. })));
        assert!(started("index-query", 2, failing_from(1)).is_ok());
    }
}
