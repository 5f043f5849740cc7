//! x86-64. The functions are safe to call only where their instructions exist; `dispatch!` sees to it.

pub(super) mod avx2;
pub(super) mod vnni;
