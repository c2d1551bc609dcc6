//! What most crates of locks and channels have in common: the method names. Types differ, and how a channel is created.

/// Implements one of the traits of `tools.rs` with types that have the usual methods.
macro_rules! usual {
    (Locks for $tools:ty: $mutex:ty) => {
        impl $crate::rows::tools::Locks for $tools {
            type Mutex = $mutex;

            fn mutex() -> Self::Mutex {
                Self::Mutex::new(())
            }

            async fn locked<F: Future>(mutex: &Self::Mutex, inside: F) -> F::Output {
                let _guard = mutex.lock().await;
                inside.await
            }
        }
    };
    (Permits for $tools:ty: $semaphore:ty) => {
        impl $crate::rows::tools::Permits for $tools {
            type Semaphore = $semaphore;

            fn semaphore(permits: usize) -> Self::Semaphore {
                Self::Semaphore::new(permits)
            }

            async fn permitted<F: Future>(semaphore: &Self::Semaphore, inside: F) -> F::Output {
                let _permit = semaphore.acquire().await.expect("it is never closed");
                inside.await
            }
        }
    };
    (Channels for $tools:ty: $sender:ident, $receiver:ident, |$room:ident| $make:expr, $receive:ident) => {
        impl $crate::rows::tools::Channels for $tools {
            type Sender<T: 'static> = $sender<T>;
            type Receiver<T: 'static> = $receiver<T>;

            fn channel<T: 'static>($room: usize) -> (Self::Sender<T>, Self::Receiver<T>) {
                $make
            }

            async fn send<T: 'static>(sender: &mut Self::Sender<T>, value: T) {
                assert!(sender.send(value).await.is_ok(), "the receiver stays to the end");
            }

            fn receive<T: 'static>(
                receiver: &mut Self::Receiver<T>,
            ) -> impl Future<Output = Option<T>> {
                receiver.$receive()
            }
        }
    };
    (Oneshots for $tools:ty: $module:ident, || $make:expr) => {
        impl $crate::rows::tools::Oneshots for $tools {
            type Sender<T: 'static> = $module::Sender<T>;
            type Receiver<T: 'static> = $module::Receiver<T>;

            fn oneshot<T: 'static>() -> (Self::Sender<T>, Self::Receiver<T>) {
                $make
            }

            fn answer<T: 'static>(sender: Self::Sender<T>, value: T) {
                assert!(sender.send(value).is_ok(), "the client waits for the answer");
            }

            async fn answered<T: 'static>(receiver: Self::Receiver<T>) -> T {
                receiver.await.expect("every question is answered")
            }
        }
    };
}

pub(crate) use usual;
