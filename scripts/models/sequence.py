"""Recurrent and convolutional models of sequences, loops, decoding."""

import tensorflow as tf
from tensorflow.keras import layers as L

from models.model import model


def recurrent(name, build):
    def make(n, t):
        i = tf.keras.Input((t, 6), n)
        return tf.keras.Model(i, build(i))

    make.__name__ = name
    model("x: f n t 6", n=(2, 3), t=(5, 8))(make)


recurrent("lstm_stack", lambda x: L.LSTM(5)(L.LSTM(7, return_sequences=True)(x)))
recurrent("lstm_states", lambda x: L.LSTM(5, return_sequences=True, return_state=True, go_backwards=True)(x))
recurrent("lstm_unrolled_or_not", lambda x: L.LSTM(5, unroll=x.shape[1] is not None)(x))
recurrent("gru_stack", lambda x: L.GRU(5, reset_after=False)(L.GRU(7, return_sequences=True)(x)))
recurrent("simple_rnn", lambda x: L.SimpleRNN(5, activation="relu")(L.SimpleRNN(4, return_sequences=True)(x)))
recurrent("bidirectional", lambda x: L.Bidirectional(L.GRU(4), merge_mode="sum")(
    L.Bidirectional(L.LSTM(5, return_sequences=True))(x)))
recurrent("rnn_cells", lambda x: L.RNN([L.LSTMCell(4), L.GRUCell(5), L.SimpleRNNCell(3)], return_sequences=True)(x))
recurrent("time_distributed", lambda x: L.TimeDistributed(L.Dense(3, activation="softmax"))(L.LSTM(4, return_sequences=True)(x)))
recurrent("lstm_layer_norm", lambda x: L.Dense(2)(L.LayerNormalization()(L.LSTM(4, activation="sigmoid",
                                                                              recurrent_activation="hard_sigmoid")(x))))
recurrent("lstm_masking", lambda x: L.LSTM(4)(L.Masking(0.0)(L.ReLU()(x - 1.5))))
recurrent("crnn", lambda x: L.GRU(4, return_sequences=True)(L.MaxPooling1D(2, padding="same")(L.Conv1D(8, 3, padding="same")(x))))


@model("ids: i9 n t", n=(2, 3), t=(5, 9))
def lstm_masked_embedding(n, t):
    i = tf.keras.Input((t,), n, dtype="int32")
    x = L.Embedding(9, 6, mask_zero=True)(i)
    x = L.Bidirectional(L.LSTM(4, return_sequences=True))(x)
    return tf.keras.Model(i, [x, L.GRU(3)(x)])


@model("x: f n t 6 7 2", n=(1, 2), t=(3, 5))
def conv_lstm(n, t):
    i = tf.keras.Input((t, 6, 7, 2), n)
    x = L.ConvLSTM2D(4, 3, padding="same", return_sequences=True)(i)
    return tf.keras.Model(i, L.ConvLSTM2D(3, 2, strides=2)(x))


@model("x: f n t 8 8 2", n=(1, 2), t=(3, 4))
def time_distributed_cnn(n, t):
    i = tf.keras.Input((t, 8, 8, 2), n)
    x = L.TimeDistributed(L.Conv2D(4, 3, activation="relu"))(i)
    x = L.TimeDistributed(L.GlobalMaxPooling2D())(x)
    return tf.keras.Model(i, L.LSTM(3)(x))


@model("source: i12 n s; target: i12 n t", n=(2, 3), s=(5, 7), t=(4, 6))
def seq2seq_attention(n, s, t):
    source, target = tf.keras.Input((s,), n, dtype="int32"), tf.keras.Input((t,), n, dtype="int32")
    memory, h, c = L.LSTM(6, return_sequences=True, return_state=True)(L.Embedding(12, 5)(source))
    x = L.LSTM(6, return_sequences=True)(L.Embedding(12, 5)(target), initial_state=[h, c])
    x = L.Concatenate()([x, L.Attention()([x, memory])])
    return tf.keras.Model([source, target], L.Dense(12, activation="softmax")(x))


@model("source: i12 n s", n=(2, 3), s=(5, 7))
def gru_greedy_decoder(n, s):
    embedding, encode, cell, dense = L.Embedding(12, 6), L.GRU(6), L.GRUCell(6), L.Dense(12)

    def run(source):
        state = encode(embedding(source))
        batch = tf.shape(source)[0]
        out = tf.TensorArray(tf.int32, 0, dynamic_size=True, element_shape=[None])
        token, done, i = tf.ones([batch], tf.int32), tf.zeros([batch], tf.bool), 0
        while i < 8 and not tf.reduce_all(done):
            x, (state,) = cell(embedding(token), [state])
            token = tf.where(done, 0, tf.argmax(dense(x), -1, tf.int32))
            done = done | (token == 2)
            out = out.write(i, token)
            i += 1
        return tf.transpose(out.stack())

    return tf.function(run)


@model("start: i10 n", n=(2, 3))
def beam_search(n):
    table = tf.random.stateless_normal((10, 10), (1, 2))
    beams, steps = 3, 5

    def run(start):
        batch = tf.shape(start)[0]
        tokens = tf.tile(start[:, None, None], [1, beams, 1])
        scores = tf.tile(tf.constant([[0.0, -1e9, -1e9]]), [batch, 1])

        def step(i, tokens, scores):
            p = tf.nn.log_softmax(tf.gather(table, tokens[:, :, -1]))
            scores, at = tf.math.top_k(tf.reshape(scores[..., None] + p, [batch, -1]), beams)
            tokens = tf.concat([tf.gather(tokens, at // 10, batch_dims=1), (at % 10)[..., None]], -1)
            return i + 1, tokens, scores

        shapes = [tf.TensorShape([]), tf.TensorShape([None, beams, None]), tf.TensorShape([None, beams])]
        return tf.while_loop(lambda i, *_: i < steps, step, [0, tokens, scores], shapes)[1:]

    return run


@model("x: f n t 4", n=(2, 3), t=(16, 24))
def wavenet(n, t):
    x = i = tf.keras.Input((t, 4), n)
    x, skips = L.Conv1D(8, 1)(x), []
    for d in (1, 2, 4):
        gate = L.Multiply()([L.Conv1D(8, 2, dilation_rate=d, padding="causal", activation="tanh")(x),
                             L.Conv1D(8, 2, dilation_rate=d, padding="causal", activation="sigmoid")(x)])
        skips.append(L.Conv1D(6, 1)(gate))
        x = L.Add()([x, L.Conv1D(8, 1)(gate)])
    return tf.keras.Model(i, L.Conv1D(3, 1)(L.ReLU()(L.Add()(skips))))


@model("x: f n t 4", n=(2, 3), t=(12, 20))
def conv1d_layers(n, t):
    i = tf.keras.Input((t, 4), n)
    x = L.DepthwiseConv1D(3, depth_multiplier=2, padding="same")(L.ZeroPadding1D(2)(i))
    x = L.SeparableConv1D(6, 3, strides=2)(x)
    x = L.BatchNormalization()(L.Conv1DTranspose(5, 4, strides=2, padding="same")(x))
    x = L.AveragePooling1D(2)(L.UpSampling1D(2)(L.Cropping1D(1)(x)))
    return tf.keras.Model(i, [x, L.GlobalMaxPooling1D()(x)])


@model("logits: f t n 6; lengths: i8 n", n=(2, 3), t=(7, 10))
def ctc_greedy(n, t):
    def run(logits, lengths):
        (decoded,), score = tf.nn.ctc_greedy_decoder(logits, tf.minimum(lengths, tf.shape(logits)[0]))
        return tf.sparse.to_dense(decoded, default_value=-1), score

    return run


@model("logits: f t n 6; lengths: i7 n", n=(2, 3), t=(7, 10))
def ctc_beam(n, t):
    def run(logits, lengths):
        decoded, score = tf.nn.ctc_beam_search_decoder(logits, lengths + 1, beam_width=4, top_paths=2)
        return [tf.sparse.to_dense(d, default_value=-1) for d in decoded], score

    return run


@model("x: f n t 3", n=(2, 3), t=(4, 6))
def map_fn_and_scan(n, t):
    def run(x):
        rows = tf.map_fn(lambda row: tf.reduce_sum(row) * row[0], x)
        pairs = tf.map_fn(lambda row: (tf.reduce_max(row), tf.argmax(row[:, 0])), x, fn_output_signature=(tf.float32, tf.int64))
        sums = tf.scan(lambda a, y: 0.5 * a + y, tf.transpose(x, [1, 0, 2]), reverse=True)
        total = tf.foldl(lambda a, y: tf.tanh(a + y), x)
        return rows, pairs, sums, total, tf.vectorized_map(lambda row: row @ tf.transpose(row), x)

    return run


@model("x: f n t 3", n=(2, 3), t=(4, 6))
def crf_viterbi(n, t):
    transitions = tf.Variable(tf.random.stateless_normal((3, 3), (1, 2)))

    def run(x):
        state, back = x[:, 0], tf.TensorArray(tf.int32, tf.shape(x)[1] - 1, element_shape=[None, 3])
        for i in tf.range(1, tf.shape(x)[1]):
            scores = state[:, :, None] + transitions[None]
            back = back.write(i - 1, tf.argmax(scores, 1, tf.int32))
            state = x[:, i] + tf.reduce_max(scores, 1)
        tag = tf.argmax(state, -1, tf.int32)
        path = tf.scan(lambda a, b: tf.gather(b, a, batch_dims=1), back.stack(), tag, reverse=True)
        return tf.concat([tf.transpose(path), tag[:, None]], 1), tf.reduce_max(state, -1)

    return tf.function(run)


@model("x: f n t; lengths: i9 n", n=(2, 3), t=(9, 12))
def sequence_ops(n, t):
    def run(x, lengths):
        mask = tf.sequence_mask(lengths, tf.shape(x)[1])
        kept = tf.boolean_mask(x, mask)
        ragged = tf.RaggedTensor.from_row_lengths(kept, lengths)
        return (tf.reverse_sequence(x, lengths, 1), tf.where(mask, x, 0), kept, ragged.to_tensor(-1.0),
                tf.reduce_sum(ragged, 1), tf.cumsum(x, 1, exclusive=True, reverse=True),
                tf.math.cumulative_logsumexp(x, 1), tf.signal.frame(x, 4, 2, pad_end=True))

    return run


@model("x: f n t", n=(1, 3), t=(32, 50))
def stft_and_mel(n, t):
    def run(x):
        s = tf.abs(tf.signal.stft(x, 16, 8, 16))
        mel = tf.tensordot(s, tf.signal.linear_to_mel_weight_matrix(5, 9, 8000, 80, 3800), 1)
        return s, mel, tf.signal.mfccs_from_log_mel_spectrograms(tf.math.log(mel + 1e-3))

    return run
