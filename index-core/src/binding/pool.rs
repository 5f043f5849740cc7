//! Where work runs: threads of our own, because libuv's four also read files, and a long build on them would delay
//! those. Queries, writes and background work have lanes of their own, so that none waits for another.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::thread;

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

struct Pool {
    queries: Arc<Queue>,
    writes: Arc<Queue>,
    builds: Arc<Queue>,
    query_threads: usize,
}

fn pool() -> &'static Pool {
    static POOL: OnceLock<Pool> = OnceLock::new();
    POOL.get_or_init(|| {
        let query_threads = thread::available_parallelism().map_or(1, usize::from);
        Pool {
            queries: started("index-query", query_threads),
            writes: started("index-write", 1),
            builds: started("index-settle", 1),
            query_threads,
        }
    })
}

/// Threads that work until the process ends. Where the machine gives fewer, those that there are do the work.
fn started(name: &str, threads: usize) -> Arc<Queue> {
    let queue = Arc::new(Queue::default());
    for _ in 0..threads {
        let source = queue.clone();
        let spawned = thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || source.work());
        if spawned.is_err() {
            break;
        }
    }
    queue
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
            job();
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
    let (deferred, promise) = env.create_deferred::<T, Resolver<T>>()?;
    let queue = match lane {
        Lane::Query => &pool().queries,
        Lane::Write => &pool().writes,
        Lane::Build => &pool().builds,
    };
    queue.push(Box::new(move || settle(deferred, guarded(compute))));
    Ok(promise)
}

/// A promise of one answer per question, computed by all threads of the query lane together.
pub(crate) fn promise_all<Q, A, T>(
    env: &Env,
    questions: Vec<Q>,
    answer: impl Fn(&Q) -> Outcome<A> + Send + Sync + 'static,
    gather: impl FnOnce(Vec<A>) -> T + Send + 'static,
) -> Result<Object<'_>>
where
    Q: Send + Sync + 'static,
    A: Send + 'static,
    T: ToNapiValue + Send + 'static,
{
    let (deferred, promise) = env.create_deferred::<T, Resolver<T>>()?;
    let helpers = pool().query_threads.min(questions.len()).max(1);
    let batch = Arc::new(Batch {
        answers: Mutex::new(questions.iter().map(|_| None).collect()),
        next: AtomicUsize::new(0),
        working: AtomicUsize::new(helpers),
        questions,
    });
    let finish: Finish<A> = Box::new(move |answers| settle(deferred, answers.map(gather)));
    let finish = Arc::new(Mutex::new(Some(finish)));
    let answer = Arc::new(answer);
    for _ in 0..helpers {
        let (batch, finish, answer) = (batch.clone(), finish.clone(), answer.clone());
        pool().queries.push(Box::new(move || {
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
    next: AtomicUsize,
    answers: Mutex<Vec<Option<Outcome<A>>>>,
    working: AtomicUsize,
}

impl<Q, A> Batch<Q, A> {
    fn work(&self, answer: &(dyn Fn(&Q) -> Outcome<A> + Send + Sync)) {
        while let Some((at, question)) = self.take() {
            let answered = guarded(|| answer(question));
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
